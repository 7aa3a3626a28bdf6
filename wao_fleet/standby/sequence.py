"""The sequences that switch one server off and on, as a state machine: what is seen now -> what to do next. Pure.

Off: cordon, drain, GracefulShutdown, wait for Off. On: On, wait for Ready, uncordon. `step` knows no past but the
`Progress` in the status of the NodeConfig, so that a new controller goes on where the last one stopped. The caller
writes the new progress before it performs the acts, and every act can be repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from wao_core.cluster.records import Standby
from wao_fleet.standby.progress import Phase, Progress
from wao_predict.redfish.power_control import PowerState

SETTLE = 10.0
"""Seconds from the cordon to the shutdown, in which a Pod that was just bound becomes visible."""
CORDON_WITHIN = 30.0
"""Seconds to cordon; a node that is not cordoned later was given back by somebody else."""
RESEND = 60.0
"""Seconds after which a reset is sent again to a server that does not follow it."""
MOST_ATTEMPTS = 2
"""Starts before the node counts as failed."""
LATE = 3600.0
"""Seconds after a shutdown in which a server that is found off is taken for one that followed it late."""
RETRY_FAILED = 1800.0
"""Seconds after which a failed node that is off is started again."""
_DRY = "its standby.method is DryRun"


class Wish(StrEnum):
    """What the decision or a person wants of a node."""

    NOTHING = "nothing"
    SLEEP = "sleep"
    TEST = "test"
    WAKE = "wake"


class Act(StrEnum):
    """One effect on the cluster or on the BMC."""

    CORDON = "cordon"
    EVICT = "evict"
    SHUT_DOWN = "shut down"
    FORCE_OFF = "force off"
    SWITCH_ON = "switch on"
    UNCORDON = "uncordon"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a node now.

    Attributes
    ----------
    now
        Seconds since the epoch.
    ready, heartbeat
        The Ready condition of the Node, and the time of its last heartbeat as text.
    cordoned
        Whether standby has cordoned it.
    marked
        Whether a taint or an annotation of standby is on it, even if it is not cordoned.
    power
        The power state that the BMC stated just now; None when it could not be read.
    pods
        Pods that keep the node from being empty.
    stuck
        Why one of them must not be evicted, or an empty string.
    sent
        Seconds since this controller last sent a reset in this phase, None if it has not.
    """

    now: float
    ready: bool = True
    heartbeat: str = ""
    cordoned: bool = False
    marked: bool = False
    power: PowerState | None = None
    pods: int = 0
    stuck: str = ""
    sent: float | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """An Event to record on the Node."""

    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The new progress, the acts to perform after it is written, and the Events."""

    progress: Progress
    acts: tuple[Act, ...] = ()
    notices: tuple[Notice, ...] = ()


def step(progress: Progress, seen: Seen, wish: Wish, standby: Standby, why: str = "") -> Step:
    """Return the next step of a node.

    Parameters
    ----------
    wish
        SLEEP and TEST begin a sequence on a node that runs; WAKE undoes or reverses one in any phase.
    standby
        Time limits, and whether the power may be cut.
    why
        Reason of the wish, for people.

    Examples
    --------
    >>> step(Progress(), Seen(now=1000.0), Wish.SLEEP, Standby(), "empty for 15 min").progress.phase.value
    'Draining'
    """
    machine = _Machine(progress, seen, standby, why)
    match progress.phase:
        case Phase.RUNNING:
            return machine.running(wish)
        case Phase.DRAINING:
            return machine.draining(wish)
        case Phase.SHUTTING_DOWN:
            return machine.shutting_down(wish)
        case Phase.ASLEEP:
            return machine.asleep(wish)
        case Phase.STARTING:
            return machine.starting()
        case Phase.FAILED:
            return machine.failed(wish)


@dataclass(frozen=True, slots=True)
class _Machine:
    progress: Progress
    seen: Seen
    standby: Standby
    why: str

    def running(self, wish: Wish) -> Step:
        if wish in (Wish.SLEEP, Wish.TEST):
            return self._to(Phase.DRAINING, self.why, (Act.CORDON,), testing=wish is Wish.TEST)
        if self.seen.ready:
            left = self.seen.cordoned or self.seen.marked  # by a sequence whose record was lost, or by a failed write
            return self._stay(Act.UNCORDON) if left else self._stay()
        if self.seen.power is PowerState.OFF and (self.seen.cordoned or self._stopped_lately):
            return self._fell_asleep("found switched off by standby", (Act.CORDON,))
        return self._stay()

    def draining(self, wish: Wish) -> Step:
        if wish is Wish.WAKE:
            return self._give_back(self.why or "it is needed")
        if self.standby.dry_run:
            return self._give_back(_DRY)
        if self.seen.stuck:
            return self._give_back(self.seen.stuck)
        if not self.seen.cordoned:
            if self._elapsed > CORDON_WITHIN:
                return self._give_back(
                    "it is not cordoned: somebody else has uncordoned it, or the API server was away"
                )
            return self._stay(Act.CORDON)
        if self.seen.power is PowerState.OFF and not self.seen.ready:
            return self._fell_asleep()
        if self._elapsed > self.standby.drain_timeout:
            return self._give_back(f"{self.seen.pods} Pods were still there after {self.standby.drain_timeout:g} s")
        if self.seen.pods:
            return self._stay(Act.EVICT)
        if self._elapsed < SETTLE:
            return self._stay()
        return self._to(Phase.SHUTTING_DOWN, self.progress.reason, (Act.SHUT_DOWN,), last_stop=self.seen.now)

    def shutting_down(self, wish: Wish) -> Step:
        if self.seen.power is PowerState.OFF:
            return self._switch_on(self.why) if wish is Wish.WAKE else self._fell_asleep()
        late = self._elapsed > self.standby.shutdown_timeout
        unsent = self.seen.sent is None
        if self.seen.pods and self.seen.ready and (unsent or late):
            return self._give_back("a Pod was bound to it meanwhile")
        if not self.seen.cordoned and self.seen.ready and unsent:
            return self._give_back("somebody else has uncordoned it")
        if late and self.standby.force_off and not self.standby.dry_run:
            return self._force_off_late()
        if late and self.seen.ready:
            return self._give_back(f"it did not shut down within {self.standby.shutdown_timeout:g} s", warning=True)
        if late and self.standby.dry_run:
            return self._fail(f"whether it shut down is not known: {_DRY}")
        if late and self.seen.power is not None:
            return self._fail("it neither shut down nor became Ready again; the power may not be cut (forceOff)")
        early = (
            self._elapsed < self.standby.shutdown_timeout / 2
        )  # one sent later could act after the node is given back
        if early and wish is not Wish.WAKE and self.seen.power is not None and self._may_send(RESEND):
            return self._stay(Act.SHUT_DOWN)
        return self._stay()

    def _force_off_late(self) -> Step:
        if self.seen.power is None or self._elapsed > 2 * self.standby.shutdown_timeout:
            return self._fail("it did not switch off, not even by ForceOff") if self.seen.power else self._stay()
        return self._stay(Act.FORCE_OFF) if self._may_send(RESEND) else self._stay()

    def asleep(self, wish: Wish) -> Step:
        off = self.seen.power is PowerState.OFF
        if wish is Wish.WAKE or (self.progress.testing and off):
            return self._switch_on(self.why or ("test of the start" if self.progress.testing else ""))
        if off:
            if self.seen.heartbeat != self.progress.heartbeat:
                return Step(replace(self.progress, heartbeat=self.seen.heartbeat))
            return self._stay()
        if self._up or self.seen.power in (PowerState.ON, PowerState.POWERING_ON):
            return self._to(
                Phase.STARTING, "somebody else has switched it on", (), last_start=self.seen.now, attempts=0
            )
        return self._stay()

    def starting(self) -> Step:
        if self._up:
            return self._started()
        if self._elapsed > self.standby.start_timeout:
            return self._late()
        if self.seen.power is PowerState.OFF and self._may_send(RESEND):
            return self._stay(Act.SWITCH_ON)
        return self._stay()

    def failed(self, wish: Wish) -> Step:
        if self._up:
            return self._started()
        if self.seen.power is PowerState.OFF:
            if wish is Wish.WAKE and self.why.startswith("requested"):
                return self._switch_on(self.why, attempts=0)
            if self._elapsed > RETRY_FAILED:
                return self._to(Phase.FAILED, self.progress.reason, (Act.SWITCH_ON,), last_start=self.seen.now)
        return self._stay()

    @property
    def _elapsed(self) -> float:
        return self.seen.now - self.progress.since

    @property
    def _stopped_lately(self) -> bool:
        """Whether the last reset was a shutdown, which the server may have followed after the node was given back."""
        stopped, started = self.progress.last_stop, self.progress.last_start
        return stopped is not None and stopped > (started or 0.0) and self.seen.now - stopped < LATE

    @property
    def _up(self) -> bool:
        """Whether the node is Ready by a heartbeat that it sent after it was off."""
        fresh = self.seen.ready and self.seen.heartbeat != self.progress.heartbeat
        return fresh and self.seen.power is not PowerState.OFF

    def _may_send(self, pause: float) -> bool:
        return self.seen.sent is None or self.seen.sent > pause

    def _stay(self, *acts: Act) -> Step:
        return Step(self.progress, acts)

    def _to(self, phase: Phase, reason: str, acts: tuple[Act, ...], *notices: Notice, **changes: object) -> Step:
        new = replace(self.progress, phase=phase, since=self.seen.now, reason=reason, **changes)  # type: ignore[arg-type]
        return Step(new, acts, notices)

    def _give_back(self, reason: str, *, warning: bool = False) -> Step:
        notice = Notice("StandbyCancelled", f"not switched off: {reason}", warning)
        return self._to(Phase.RUNNING, reason, (Act.UNCORDON,), notice, testing=False)

    def _fell_asleep(self, reason: str = "", acts: tuple[Act, ...] = ()) -> Step:
        why = reason or self.progress.reason
        notice = Notice("Asleep", f"switched off: {why}")
        return self._to(Phase.ASLEEP, why, acts, notice, heartbeat=self.seen.heartbeat, attempts=0)

    def _switch_on(self, reason: str, *, attempts: int | None = None) -> Step:
        tried = self.progress.attempts if attempts is None else attempts
        beat = self.seen.heartbeat if self.seen.power is PowerState.OFF else self.progress.heartbeat
        changes = {"heartbeat": beat, "last_start": self.seen.now, "attempts": tried}
        return self._to(
            Phase.STARTING, reason, (Act.SWITCH_ON,), Notice("Waking", f"switching on: {reason}"), **changes
        )

    def _started(self) -> Step:
        began = self.progress.last_start
        seconds = None if began is None else self.seen.now - began
        notice = Notice("Awake", "Ready again" if seconds is None else f"Ready {seconds:.0f} s after switching on")
        changes = {
            "attempts": 0,
            "testing": False,
            "wake_tested": self.progress.phase is Phase.STARTING,  # one that was repaired is to be tested again
            "wake_failed": "",
            "start_seconds": seconds,
        }
        return self._to(Phase.RUNNING, "started", (Act.UNCORDON,), notice, **changes)

    def _late(self) -> Step:
        attempts = self.progress.attempts + 1
        message = f"not Ready {self.standby.start_timeout:g} s after switching on"
        if self.standby.dry_run:
            message = f"not switched on: {_DRY}"
        if attempts >= MOST_ATTEMPTS:
            return self._fail(message, attempts=attempts)
        again = (Act.SWITCH_ON,) if self.seen.power is not PowerState.ON else ()
        if self.seen.power is PowerState.ON and self.standby.force_off:
            again = (Act.FORCE_OFF,)  # a server that hangs; the next round switches it on
        notice = Notice("StartFailed", f"{message}; trying again", warning=True)
        return self._to(Phase.STARTING, message, again, notice, attempts=attempts)

    def _fail(self, message: str, *, attempts: int = 0) -> Step:
        remedy = "check the server, its BMC and its console"
        if self.standby.dry_run:
            remedy = "set the method by which it was switched off, or switch it on by hand"
        notice = Notice("WakeFailed", f"{message}: {remedy}", warning=True)
        changes = {"wake_failed": message, "wake_tested": False, "testing": False, "attempts": attempts}
        return self._to(Phase.FAILED, message, (), notice, **changes)

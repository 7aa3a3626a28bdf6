"""The sequences that switch one server off and on: what follows from what is seen, and what survives any fault."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.fakes.standby_fleet import BOOT, SETTINGS, STANDBY, Fleet
from wao_core.cluster.records import Standby
from wao_fleet.standby.progress import Phase, Progress
from wao_fleet.standby.sequence import Act, Seen, Wish, step
from wao_predict.redfish.power_control import PowerState

ON, OFF = PowerState.ON, PowerState.OFF
NOW = 1_000_000.0
EXAMPLES = int(os.environ.get("WAO_STANDBY_SEQUENCES", "25"))
"""Random sequences; `make test-sequences` runs more."""


def at(phase: Phase, ago: float = 0.0, **fields: object) -> Progress:
    return Progress(phase=phase, since=NOW - ago, reason="empty", **fields)  # type: ignore[arg-type]


def seen(**fields: object) -> Seen:
    return Seen(now=NOW, **fields)  # type: ignore[arg-type]


RUNNING, DRAINING, SHUTTING = Phase.RUNNING, Phase.DRAINING, Phase.SHUTTING_DOWN
ASLEEP, STARTING, FAILED = Phase.ASLEEP, Phase.STARTING, Phase.FAILED
NOTHING, SLEEP, WAKE = Wish.NOTHING, Wish.SLEEP, Wish.WAKE
DOWN = {"ready": False, "cordoned": True, "heartbeat": "1"}
HELD = {"heartbeat": "1"}  # the last heartbeat before it was off

TABLE = {
    # off
    "an empty node is cordoned": (at(RUNNING), seen(), SLEEP, DRAINING, [Act.CORDON]),
    "a restart before the cordon": (at(DRAINING, 5), seen(), NOTHING, DRAINING, [Act.CORDON]),
    "pods are evicted": (at(DRAINING, 20), seen(cordoned=True, pods=2), NOTHING, DRAINING, [Act.EVICT]),
    "a pod that was just bound has time to be seen": (at(DRAINING, 5), seen(cordoned=True), NOTHING, DRAINING, []),
    "an empty node is shut down": (at(DRAINING, 20), seen(cordoned=True), NOTHING, SHUTTING, [Act.SHUT_DOWN]),
    "a pod that must not move": (
        *(at(DRAINING, 20), seen(cordoned=True, pods=1, stuck="no")),
        *(NOTHING, RUNNING, [Act.UNCORDON]),
    ),
    "the drain takes too long": (at(DRAINING, 601), seen(cordoned=True, pods=1), NOTHING, RUNNING, [Act.UNCORDON]),
    "somebody else uncordons": (at(DRAINING, 60), seen(), NOTHING, RUNNING, [Act.UNCORDON]),
    "capacity is needed while it drains": (at(DRAINING, 20), seen(cordoned=True), WAKE, RUNNING, [Act.UNCORDON]),
    "a restart before the reset was sent": (
        *(at(SHUTTING, 5), seen(cordoned=True, power=ON)),
        *(NOTHING, SHUTTING, [Act.SHUT_DOWN]),
    ),
    "a reset is not repeated at once": (
        *(at(SHUTTING, 30), seen(cordoned=True, power=ON, sent=30.0)),
        *(NOTHING, SHUTTING, []),
    ),
    "a pod was bound after the last look": (
        *(at(SHUTTING, 5), seen(cordoned=True, power=ON, pods=1)),
        *(NOTHING, RUNNING, [Act.UNCORDON]),
    ),
    "somebody else uncordons before the reset": (
        *(at(SHUTTING, 5), seen(power=ON)),
        *(NOTHING, RUNNING, [Act.UNCORDON]),
    ),
    "it was uncordoned and took a pod, and did not shut down": (
        *(at(SHUTTING, 601), seen(power=ON, pods=1, sent=30.0)),
        *(NOTHING, RUNNING, [Act.UNCORDON]),
    ),
    "it is off": (at(SHUTTING, 40), seen(power=OFF, **DOWN), NOTHING, ASLEEP, []),
    "it is off and already needed": (at(SHUTTING, 40), seen(power=OFF, **DOWN), WAKE, STARTING, [Act.SWITCH_ON]),
    "it is needed before it is off": (at(SHUTTING, 10), seen(power=ON, sent=10.0, **DOWN), WAKE, SHUTTING, []),
    "it does not shut down": (at(SHUTTING, 601), seen(cordoned=True, power=ON), NOTHING, RUNNING, [Act.UNCORDON]),
    "it hangs in the shutdown": (at(SHUTTING, 601), seen(power=ON, **DOWN), NOTHING, FAILED, []),
    # asleep
    "it sleeps": (at(ASLEEP, 900, **HELD), seen(power=OFF, **DOWN), NOTHING, ASLEEP, []),
    "a late heartbeat is one from before": (
        *(at(ASLEEP, 5, heartbeat="0"), seen(power=OFF, ready=True, cordoned=True, heartbeat="1")),
        *(NOTHING, ASLEEP, []),
    ),
    "its bmc is away": (at(ASLEEP, 900, **HELD), seen(power=None, **DOWN), NOTHING, ASLEEP, []),
    "it is needed": (at(ASLEEP, 900, **HELD), seen(power=OFF, **DOWN), WAKE, STARTING, [Act.SWITCH_ON]),
    "it is tested": (at(ASLEEP, 5, testing=True, **HELD), seen(power=OFF, **DOWN), NOTHING, STARTING, [Act.SWITCH_ON]),
    "somebody presses the button": (at(ASLEEP, 900, **HELD), seen(power=ON, **DOWN), NOTHING, STARTING, []),
    # on
    "it is starting": (at(STARTING, 60, **HELD), seen(power=ON, sent=60.0, **DOWN), NOTHING, STARTING, []),
    "the old ready condition does not count": (
        *(at(STARTING, 5, **HELD), seen(power=ON, ready=True, cordoned=True, heartbeat="1", sent=5.0)),
        *(NOTHING, STARTING, []),
    ),
    "it is ready": (
        *(at(STARTING, 90, **HELD), seen(power=ON, cordoned=True, heartbeat="2")),
        *(NOTHING, RUNNING, [Act.UNCORDON]),
    ),
    "a restart before On was sent": (
        at(STARTING, 5, **HELD),
        seen(power=OFF, **DOWN),
        NOTHING,
        STARTING,
        [Act.SWITCH_ON],
    ),
    "it is not ready in time": (at(STARTING, 301, **HELD), seen(power=OFF, **DOWN), NOTHING, STARTING, [Act.SWITCH_ON]),
    "nor the second time": (at(STARTING, 301, attempts=1, **HELD), seen(power=ON, **DOWN), NOTHING, FAILED, []),
    "a failed node is repaired": (
        *(at(FAILED, 9999, wake_failed="x", **HELD), seen(power=ON, cordoned=True, heartbeat="9")),
        *(NOTHING, RUNNING, [Act.UNCORDON]),
    ),
    "a failed node is tried again much later": (
        *(at(FAILED, 1801, wake_failed="x", **HELD), seen(power=OFF, **DOWN)),
        *(NOTHING, FAILED, [Act.SWITCH_ON]),
    ),
    # what others do
    "somebody else switched a running node off": (at(RUNNING, 99), seen(ready=False, power=OFF), NOTHING, RUNNING, []),
    "a bmc that states Off of a running node": (at(RUNNING, 99), seen(power=OFF), NOTHING, RUNNING, []),
    "a cordon whose record was lost": (at(RUNNING, 99), seen(cordoned=True), NOTHING, RUNNING, [Act.UNCORDON]),
    "marks that a failed write left": (at(RUNNING, 99), seen(marked=True), NOTHING, RUNNING, [Act.UNCORDON]),
    "a sleeping node whose record was lost": (at(RUNNING, 99), seen(power=OFF, **DOWN), NOTHING, ASLEEP, [Act.CORDON]),
    "a server that shuts down after it was given back": (
        *(at(RUNNING, 99, last_stop=NOW - 700), seen(ready=False, power=OFF)),
        *(NOTHING, ASLEEP, [Act.CORDON]),
    ),
}


@pytest.mark.parametrize(("progress", "found", "wish", "phase", "acts"), TABLE.values(), ids=TABLE.keys())
def test_what_follows(progress: Progress, found: Seen, wish: Wish, phase: Phase, acts: list[Act]) -> None:
    taken = step(progress, found, wish, STANDBY, "why")
    assert (taken.progress.phase, list(taken.acts)) == (phase, acts)


def test_the_power_is_cut_only_where_that_is_configured() -> None:
    late = (at(SHUTTING, 601), seen(power=ON, **DOWN), NOTHING)
    assert step(*late, Standby(method="Redfish", force_off=True)).acts == (Act.FORCE_OFF,)
    assert Act.FORCE_OFF not in step(*late, Standby(method="Redfish")).acts
    busy = (late[0], seen(power=ON, pods=1, sent=30.0), NOTHING)
    assert step(*busy, Standby(method="Redfish", force_off=True)).acts == (Act.UNCORDON,), "it took Pods"


def test_a_failed_start_marks_the_node_and_a_success_ends_it() -> None:
    failed = step(at(STARTING, 301, attempts=1, wake_tested=True), seen(power=ON, **DOWN), NOTHING, STANDBY)
    assert (failed.progress.wake_failed, failed.progress.wake_tested) == ("not Ready 300 s after switching on", False)
    assert [notice.reason for notice in failed.notices if notice.warning] == ["WakeFailed"]
    up = step(failed.progress, seen(power=ON, heartbeat="7", cordoned=True), NOTHING, STANDBY)
    assert (up.progress.wake_failed, up.progress.wake_tested) == ("", False)  # repaired, and to be tested again


def test_a_node_whose_method_became_dry_run_while_it_slept_is_reported_with_the_method() -> None:
    """Nothing is sent to its BMC any more, so nothing can be wrong with the server."""
    dry, progress = Standby(method="DryRun", start_timeout=300.0), at(ASLEEP, 900, **HELD)
    woken = step(progress, seen(**DOWN), WAKE, dry, "a pod waits").progress
    again = step(replace(woken, since=NOW - 301), seen(**DOWN), NOTHING, dry).progress
    failed = step(replace(again, since=NOW - 301), seen(**DOWN), NOTHING, dry)
    assert failed.progress.phase is FAILED
    assert failed.progress.wake_failed == "not switched on: its standby.method is DryRun"
    assert [notice.message for notice in failed.notices] == [
        "not switched on: its standby.method is DryRun: set the method by which it was switched off, "
        "or switch it on by hand"
    ]


@pytest.mark.parametrize("force_off", [False, True])
def test_a_node_whose_method_became_dry_run_while_it_shut_down_is_given_back_or_reported(force_off: bool) -> None:
    """Nothing states its power any more, and nothing may cut it."""
    dry, progress = Standby(method="DryRun", force_off=force_off), at(SHUTTING, 601)
    assert step(progress, seen(cordoned=True), NOTHING, dry).acts == (Act.UNCORDON,)
    failed = step(progress, seen(**DOWN), NOTHING, dry)
    assert failed.progress.phase is FAILED
    assert [notice.message for notice in failed.notices] == [
        "whether it shut down is not known: its standby.method is DryRun: set the method by which it was switched off, "
        "or switch it on by hand"
    ]
    back = step(failed.progress, seen(cordoned=True, heartbeat="9"), NOTHING, dry)
    assert (back.progress.phase, back.acts) == (RUNNING, (Act.UNCORDON,))


def test_a_node_whose_method_became_dry_run_while_it_drained_is_given_back() -> None:
    taken = step(at(DRAINING, 20), seen(cordoned=True, pods=2), NOTHING, Standby(method="DryRun"))
    assert (taken.progress.phase, taken.acts) == (RUNNING, (Act.UNCORDON,))
    assert [notice.message for notice in taken.notices] == ["not switched off: its standby.method is DryRun"]


def test_a_start_is_timed_and_counts_as_tested() -> None:
    progress = at(STARTING, 90, last_start=NOW - 90, heartbeat="1")
    new = step(progress, seen(power=ON, heartbeat="2"), NOTHING, STANDBY).progress
    assert (new.wake_tested, new.start_seconds) == (True, 90.0)


def test_an_idle_fleet_shrinks_to_its_spare_capacity_and_grows_again_for_pods() -> None:
    fleet = Fleet.of(4)
    fleet.pass_time(2400)
    assert sorted(fleet.phases().values()) == ["Asleep", "Asleep", "Asleep", "Running"]
    pods = [fleet.add_pod(20.0) for _ in range(3)]
    fleet.pass_time(BOOT + 60)
    assert all(fleet.pods[name].node_name for name in pods)


def test_a_server_that_answers_on_and_never_boots_is_replaced_by_another() -> None:
    fleet = Fleet.of(3)
    fleet.pass_time(2400)
    first = next(name for name, phase in fleet.phases().items() if phase == "Asleep")
    fleet.servers[first].boots = False
    waiting = [fleet.add_pod(30.0) for _ in range(2)]
    fleet.pass_time(2 * STANDBY.start_timeout + BOOT + 120)
    assert fleet.phases()[first] in ("Failed", "Starting")
    assert all(fleet.pods[name].node_name for name in waiting)


def test_a_test_switches_off_and_on_by_itself() -> None:
    fleet = Fleet.of(2, tested=False)
    fleet.pass_time(1200)
    assert set(fleet.phases().values()) == {"Running"}  # nothing is switched off without a test
    fleet.round([("n0", Wish.TEST)])
    fleet.pass_time(BOOT + 120)
    assert fleet.settled()
    assert (fleet.progress["n0"].wake_tested, fleet.progress["n1"].wake_tested) == (True, False)


class RandomDays(RuleBasedStateMachine):
    """Any order of loads, faults, crashes and requests."""

    names = st.sampled_from(["n0", "n1", "n2", "n3"])

    @initialize(force=st.booleans())
    def begin(self, force: bool) -> None:
        self.fleet = Fleet.of(4, standby=Standby(method="Redfish", start_timeout=300.0, force_off=force))
        self.fleet.pass_time(5)

    @rule(seconds=st.sampled_from([5.0, 30.0, 120.0, 600.0, 1500.0]))
    def time_passes(self, seconds: float) -> None:
        self.fleet.pass_time(seconds)

    @rule(cores=st.sampled_from([1.0, 8.0, 20.0, 31.0]))
    def a_pod_comes(self, cores: float) -> None:
        self.fleet.add_pod(cores)

    @rule(number=st.integers(0, 20))
    def a_pod_goes(self, number: int) -> None:
        if self.fleet.pods:
            del self.fleet.pods[sorted(self.fleet.pods)[number % len(self.fleet.pods)]]

    @rule()
    def the_controller_crashes_in_a_step(self) -> None:
        self.fleet.crashes = True

    @rule(fails=st.booleans())
    def writes_fail(self, fails: bool) -> None:
        self.fleet.writes_fail = fails

    @rule(name=names, fault=st.sampled_from(["bmc_away", "boots", "obeys", "pretends_off"]), value=st.booleans())
    def a_machine_fails(self, name: str, fault: str, value: bool) -> None:
        setattr(self.fleet.servers[name], fault, value)

    @rule(name=names, wish=st.sampled_from([Wish.WAKE, Wish.SLEEP, Wish.TEST]))
    def somebody_wishes(self, name: str, wish: Wish) -> None:
        self.fleet.round([(name, wish)])

    @rule(stopped=st.booleans())
    def the_kill_switch(self, stopped: bool) -> None:
        self.fleet.stopped = stopped

    @rule(dry=st.booleans())
    def the_method_becomes_dry_run(self, dry: bool) -> None:
        self.fleet.set_dry(dry)

    @rule(doubt=st.booleans())
    def there_is_doubt(self, doubt: bool) -> None:
        self.fleet.doubt = doubt

    @invariant()
    def no_node_flaps(self) -> None:
        """No decision switches off a node that has not been on for its least time."""
        assert all(seconds >= SETTINGS.on_seconds for seconds in self.fleet.begun)

    @invariant()
    def spare_capacity_is_left(self) -> None:
        assert all(cores >= SETTINGS.spare_cores for cores in self.fleet.left)

    def teardown(self) -> None:
        """After the faults and with the kill switch on, every node comes back."""
        if not hasattr(self, "fleet"):  # the first step failed
            return
        fleet = self.fleet
        fleet.writes_fail, fleet.stopped = False, True
        fleet.set_dry(False)
        for server in fleet.servers.values():
            server.bmc_away, server.boots, server.obeys, server.pretends_off = False, True, True, False
        for _ in range(24):
            fleet.pass_time(600)
            if fleet.settled():
                break
        assert fleet.settled(), (fleet.phases(), fleet.servers)


TestRandomDays = RandomDays.TestCase
TestRandomDays.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)

"""From all temperatures seen to the one that is the inlet, with a confidence and a reason. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wao_predict.redfish.names import STRONG, TRUSTED, NameScore, judge, names_a_part, same

MANY_INTAKES = 4
"""With more sensors tagged Intake than this the tag means nothing."""
HINTED = TRUSTED + 2.0
"""Most that other texts than the name are worth: not enough to stop looking, as all sensors may have the same one."""
STOPGAP = 0.55
"""Confidence of Supermicro's "System Temp", which is warmer than the inlet: lower than that of any name."""
_PARTS = frozenset("cpu gpu memory powersupply storagedevice storagebay accelerator asic fpga networkingdevice".split())
_AWAY = frozenset("exhaust back liquidinlet liquidoutlet".split())


@dataclass(frozen=True, slots=True)
class Candidate:
    """One temperature on a BMC.

    Parameters
    ----------
    uri
        Path of the resource to read.
    name
        Its name there; identifies the member where the resource holds several.
    value
        The temperature now [degC], or None when there is none.
    context
        PhysicalContext, or "".
    pointer
        JSON pointer to a member of the resource such as "/Temperatures/0", or "" for the resource itself.
    origin
        Where it was found: "summary" (ThermalMetrics says which one is the intake), "metrics", "thermal", "sensor".
    penalty
        Taken off the score: how far its chassis is from being the server's.
    hint
        More text that names it: ids, device names, a description.
    absent
        The BMC states that there is no such sensor in this server, or that it is switched off.
    """

    uri: str
    name: str
    value: float | None
    context: str = ""
    pointer: str = ""
    origin: str = "sensor"
    penalty: float = 0.0
    hint: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True)
class SensorChoice:
    """The sensor to poll: one URI, and the name that the value must still have there.

    `confidence` is between 0 and 1; `reason` says why this one. Only where no resource holds the power of all power
    supplies, `parts` are the resources to read and add up instead.
    """

    uri: str
    name: str
    value: float
    pointer: str = ""
    confidence: float = 1.0
    reason: str = ""
    parts: tuple[str, ...] = ()

    @property
    def shown_uri(self) -> str:
        """The URI with the pointer as its fragment, as Redfish writes references to members."""
        bare = self.uri.rstrip("/")
        return f"{bare}#{self.pointer}" if self.pointer else bare


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its score."""

    candidate: Candidate
    score: float
    reason: str


def rank(candidates: Sequence[Candidate]) -> list[Ranked]:
    """Return the candidates that have a value, the best first."""
    meaningful = _meaningful(candidates)
    hinted = _hints_distinguish(candidates)
    scored = [
        _score(candidate, _named(candidate, hinted=hinted), meaningful)
        for candidate in candidates
        if candidate.value is not None
    ]
    return sorted(scored, key=lambda ranked: (-ranked.score, ranked.candidate.value or 0.0, ranked.candidate.uri))


def _meaningful(candidates: Sequence[Candidate]) -> frozenset[str]:
    """Return the meaningful PhysicalContexts: not one that most sensors have, nor Intake if a CPU sensor has it."""
    found = {candidate.context.lower() for candidate in candidates}
    for origin in {candidate.origin for candidate in candidates}:  # a probe may be listed in Thermal and in Sensors
        contexts = [candidate.context.lower() for candidate in candidates if candidate.origin == origin]
        found -= {context for context in contexts if contexts.count(context) > max(MANY_INTAKES, 0.6 * len(contexts))}
        if contexts.count("intake") > MANY_INTAKES:
            found.discard("intake")
    if any(names_a_part(candidate.name) for candidate in candidates if candidate.context.lower() == "intake"):
        found.discard("intake")
    return frozenset(found)


def _hints_distinguish(candidates: Sequence[Candidate]) -> bool:
    """Whether the texts next to the names distinguish sensors: some vendors give all sensors the same text."""
    verdicts = [judge(candidate.hint) for candidate in candidates]
    same_for_all = len(verdicts) > 1 and len({verdict.reason for verdict in verdicts}) == 1
    return not same_for_all and sum(verdict.score > 0 for verdict in verdicts) <= MANY_INTAKES


def _score(candidate: Candidate, named: NameScore, meaningful: frozenset[str]) -> Ranked:
    score, reason = named.score, named.reason
    context = candidate.context.lower()
    if candidate.origin == "summary" and score >= 0:
        score, reason = score + 11.0, "the thermal summary names it as intake"
    elif context not in meaningful:
        pass
    elif context == "intake" and score >= 0:
        score = max(score, TRUSTED) + 2.0
        reason = f"{reason}; PhysicalContext Intake" if named.score > 0 else "PhysicalContext Intake"
    elif context == "front" and score == 0:
        score, reason = TRUSTED + 0.5, "PhysicalContext Front"
    elif context == "room":
        score -= 2.0
    elif context in _AWAY:
        score -= 10.0
    elif context in _PARTS:
        score -= 4.0 if named.score >= TRUSTED else 10.0
    return Ranked(candidate, score - candidate.penalty, reason)


def _named(candidate: Candidate, *, hinted: bool) -> NameScore:
    """Return the score of the name, or of the other texts of the sensor if the name is not conclusive."""
    named = judge(candidate.name)
    if named.score != 0 or not candidate.hint or not hinted:
        return named
    scored = judge(candidate.hint)
    return replace(scored, score=min(scored.score, HINTED)) if scored.score != 0 else named


def choose(candidates: Sequence[Candidate]) -> SensorChoice | None:
    """Return the inlet, or None when no candidate is trusted: a wrong temperature is worse than none."""
    ranked = rank(candidates)
    if not ranked or ranked[0].score < TRUSTED:
        return None
    best = _cheapest(ranked)
    rival = next((item for item in ranked if not _same_probe(item.candidate, best.candidate)), None)
    lead = best.score - max(rival.score, 0.0) if rival is not None else best.score
    confidence = min(1.0, 0.4 + 0.04 * best.score + 0.04 * min(lead, 6.0))
    chosen = best.candidate
    assert chosen.value is not None
    return SensorChoice(chosen.uri, chosen.name, chosen.value, chosen.pointer, round(confidence, 2), best.reason)


def system_temperature(candidates: Sequence[Candidate]) -> SensorChoice | None:
    """Return "System Temp", for Supermicro's boards that have no sensor named for the inlet, or None.

    It is on the board, and the reference reads it as the inlet temperature. It is not taken when a sensor is named for
    the inlet and only has no value now, or when several sensors have the name.
    """
    if any(not item.absent and judge(item.name).score >= TRUSTED for item in candidates):
        return None
    named = [item for item in candidates if item.value is not None and same(item.name, "System Temp")]
    named.sort(key=lambda item: item.penalty)
    origins = [item.origin for item in named if item.penalty == named[0].penalty]
    if not named or len(set(origins)) < len(origins):
        return None
    chosen = named[0]
    assert chosen.value is not None
    reason = "Supermicro's 'System Temp' is on the board and warmer than the inlet, which has no sensor"
    return SensorChoice(chosen.uri, chosen.name, chosen.value, chosen.pointer, STOPGAP, reason)


def _cheapest(ranked: Sequence[Ranked]) -> Ranked:
    """Return the best candidate, or the same probe as a resource of its own, which is the smaller thing to poll."""
    best = ranked[0]
    for other in ranked[1:]:
        if best.candidate.pointer and not other.candidate.pointer and _same_probe(best.candidate, other.candidate):
            return replace(best, candidate=other.candidate)
    return best


def _same_probe(one: Candidate, other: Candidate) -> bool:
    return same(one.name, other.name)


def is_strong(candidates: Sequence[Candidate]) -> bool:
    """Return whether the best candidate is so good that no other chassis needs to be looked at."""
    ranked = rank(candidates)
    return bool(ranked) and ranked[0].score >= STRONG

"""Score sensor names. Pure.

Names count more than PhysicalContext: some vendors tag the inlet SystemBoard, some tag every sensor Intake, some tag
none. A name is split into words (at camelCase, digits, separators, and between known words written together) and
scored; the highest score is the inlet. Scores of 6 and more are trusted alone, lower ones need more evidence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

TRUSTED = 6.0
"""Score from which a sensor is taken for the inlet."""
STRONG = 9.5
"""Score from which no other chassis needs to be looked at."""

_WORDS = re.compile(r"[A-Z]{2,}s(?![A-Za-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_JOINED = (
    (re.compile(r"pci[ -]?e(?![a-z])|pci[ -]express", re.IGNORECASE), " pcie "),  # as the PCI-SIG writes it
    (re.compile(r"(?<![A-Za-z])(?:NVMe|NVM Express|eMMC|mSATA)(?![a-z])"), " nvme "),
    (re.compile(r"nvlink|nvswitch|nv switch", re.IGNORECASE), " switch "),
    (re.compile(r"connectx|blue ?field|infini ?band|smart ?nic|oculink", re.IGNORECASE), " nic "),
    (re.compile(r"p/s|power ?supply", re.IGNORECASE), " psu "),
    (re.compile(r"(?<![a-z0-9])(?:m\.?2|u\.2|e[13]\.?[sl])(?![a-z])", re.IGNORECASE), " drive "),
    (re.compile(r"front[ _-]?(?:panel|io|i/o)(?![a-z])", re.IGNORECASE), " frontpanel "),
    (re.compile(r"(?:control|ctrl|operator|op|oper)[ _-]?panel(?![a-z])", re.IGNORECASE), " frontpanel "),
    (re.compile(r"heat[ _-]?sink", re.IGNORECASE), " heatsink "),
    (re.compile(r"(?<![A-Za-z])SoC(?![a-z])"), " soc "),
    (re.compile(r"system[ _-]?board", re.IGNORECASE), " sysboard "),
    (re.compile(r"base[ _-]board", re.IGNORECASE), " baseboard "),
    (re.compile(r"supply[ _-]?air", re.IGNORECASE), " airin "),
    (re.compile(r"i/o", re.IGNORECASE), " io "),
)

_ELSEWHERE = frozenset(
    """
    psu ps pwr supply gpu gpus hgx sxm riser rsr pci pcie slot mezz dimm dimms mem memory nic lom
    ocp pdb exhaust outlet out egress rear back water liquid coolant cdu vr vrm vrd vreg cpu cpus proc
    processor core die hd hdd ssd nvme drive drives disk disks backplane bp hsbp raid hba roc bmc pch
    chipset ssb batt battery fan fans switch retimer asic fpga dpu bf cx sfp qsfp phy eth ethernet margin
    limit threshold tjmax delta dts tcontrol overtemp throttle hsc ibc storage stor boot tpm cable
    mcp soc nvs pex efuse fuse gb mlom card adapter smartnic hmc aoc aic expander bpn dcscm scm swb ubb
    oam vpdb hpdb lc loop vdd vddq vcc optic optics usb sd sas sata exit humidity pressure flow dewpoint
    power status fault alarm trip hot return internal inside heatsink plate coldplate pump radiator manifold disconnect
    leak tcs fws lan vic xcc bbu pdu ac voltage volt volts amp amps vin vout shutdown allowed target setpoint
    rise humid dew light cxl hbm optane pmem npu tpu xpu iom nics psus drams dram jbod
    """.split()
)
"""Words of sensors that measure a part, air that has left, no air at all, or no temperature."""

_PLACE = {
    "inlet": 10.0,
    "intake": 10.0,
    "ingress": 9.0,
    "incoming": 8.0,
    "ambient": 8.5,
    "amb": 8.0,
    "ambi": 8.0,
    "airin": 9.0,
    "aisle": 7.0,
    "entry": 7.0,
    "frontpanel": 7.0,
    "fp": 6.5,
    "fio": 6.5,
    "front": 6.5,
    "frnt": 6.5,
    "environment": 6.0,
    "env": 6.0,
    "outside": 6.0,
    "lcp": 6.0,
    "bezel": 6.0,
    "ear": 6.0,
    "room": 3.0,
}
"""Words for the place where air enters, with their weights."""

_BOARD = frozenset("mb mlb bb hpm baseboard motherboard mainboard planar".split())
"""Measured on the board: right where nothing better is there."""

_NEUTRAL = _BOARD | frozenset(
    """
    temp temps temperature tmp sensor sensors sens system sys sysboard chassis server node host unit air io board brd
    panel pnl side left right lft rt l r center centre middle mid top bottom upper lower main primary external cold
    virtual value reading degrees degree deg degc celsius c t the of at a in for lm ntc thermistor remote local zone led
    enclosure blade sled tray rack cmm
    """.split()
)
"""Words that say nothing for or against; any other word makes a name less sure."""

_MEASURE = frozenset("temp temps temperature tmp t".split())
_VOCABULARY = _NEUTRAL | _ELSEWHERE | _PLACE.keys()
_LONGEST = max(map(len, _VOCABULARY))
MAX_NAME = 256
"""Characters of a name that count; names of sensors have some twenty."""
_UNKNOWN, _MOST_UNKNOWN = 1.5, 3.0


@dataclass(frozen=True, slots=True)
class NameScore:
    """What a name is worth, and which word said so."""

    score: float
    reason: str


def words(name: str) -> list[str]:
    """Return the words of a name in lower case: "System Board Inlet Temp" -> sysboard, inlet, temp.

    Only the first `MAX_NAME` characters count.
    """
    name = name[:MAX_NAME]
    for pattern, replacement in _JOINED:
        name = pattern.sub(replacement, name)
    return [part for word in _WORDS.findall(name) for part in _split_run(word.lower())]


@lru_cache(maxsize=4096)
def _split_run(word: str) -> tuple[str, ...]:
    """Cut words written together in one case, such as "inlettemp" or "SYSINLETAMB", if all of them are known."""
    if word in _VOCABULARY or len(word) < 5:
        return (word,)
    # the fewest known words of two letters and more that make up each beginning of the run
    best: list[tuple[str, ...] | None] = [(), *(None for _ in word)]
    for end in range(2, len(word) + 1):
        for start in range(max(0, end - _LONGEST), end - 1):
            before = best[start]
            if before is not None and word[start:end] in _VOCABULARY:
                found = (*before, word[start:end])
                held = best[end]
                best[end] = found if held is None or len(found) < len(held) else held
    return best[-1] or _around_a_place(word)


def _around_a_place(word: str) -> tuple[str, ...]:
    """Split a run of letters that contains one of the long words next to something unknown."""
    for place in ("inlet", "intake", "ambient", "exhaust", "outlet"):
        head, middle, tail = word.partition(place)
        if middle:
            return tuple(part for part in (head, middle, tail) if part)
    return (word,)


@lru_cache(maxsize=4096)
def judge(name: str) -> NameScore:
    """Return how much a name speaks for the server's inlet temperature; 0 and below: not at all."""
    found = words(name)
    if not found:
        return NameScore(0.0, "no name")
    if _lets_air_in(found):
        found.append("airin")
    foreign = [word for word in found if word in _ELSEWHERE]
    if foreign:
        return NameScore(-10.0, f"{foreign[0]!r} is another place")
    places = [word for word in found if word in _PLACE]
    if not places:
        return NameScore(0.0, "the name shows no place")
    if "board" in found and "inlet" in found and "system" not in found and "sys" not in found:
        return NameScore(-5.0, "a board's own inlet lies inside")
    score = max(_PLACE[word] for word in places) + 1.0 * (len(places) - 1)
    score -= 2.5 * bool(_BOARD.intersection(found))
    score -= min(_MOST_UNKNOWN, _UNKNOWN * sum(word not in _VOCABULARY for word in found))
    return NameScore(score, f"named {' '.join(places)!r}")


def _lets_air_in(found: list[str]) -> bool:
    """Return whether "in" is the place: "Air In", "TEMP_IN"; not the "in" of "Temperature in Celsius"."""
    if "in" not in found:
        return False
    bare = [word for word in found if word not in _MEASURE]
    return "air" in found or (bare[-1:] == ["in"] and found[-1] in {"in", *_MEASURE} and _NEUTRAL.issuperset(bare))


@lru_cache(maxsize=4096)
def names_a_part(name: str) -> bool:
    """Return whether a name is that of a part inside the server, and of no place where air enters: "CPU0_TEMP"."""
    found = words(name)
    return any(word in _ELSEWHERE for word in found) and not any(word in _PLACE for word in found)


def same(name: str, identifier: str) -> bool:
    """Return whether a name and an id are the same but for separators and case: "Inlet Temp", "InletTemp"."""
    return bool(name) and _bare(name) == _bare(identifier)


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

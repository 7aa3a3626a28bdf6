"""What sensor names tell. Pure.

Names beat PhysicalContext: some vendors tag the inlet SystemBoard, some tag every sensor Intake, some tag none. A name
is cut into words (camelCase, digits and separators divide) and scored; the highest score is the inlet. Scores of 6
and more are trusted alone, lower ones need more evidence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TRUSTED = 6.0
"""Score from which a sensor is taken for the inlet."""
STRONG = 9.5
"""Score from which no other chassis needs to be looked at."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_JOINED = {
    "p/s": " psu ",
    "power supply": " psu ",
    "powersupply": " psu ",
    "m.2": " mdottwo ",
    "u.2": " drive ",
    "front panel": " frontpanel ",
    "front_panel": " frontpanel ",
    "front io": " frontpanel ",
    "front_io": " frontpanel ",
    "i/o": " io ",
    "system board": " sysboard ",
    "system_board": " sysboard ",
    "systemboard": " sysboard ",
    "base board": " baseboard ",
}

_ELSEWHERE = frozenset(
    """
    psu ps pwr supply gpu gpus hgx sxm riser rsr pci pcie slot mezz dimm dimms mem memory mdottwo nic lom
    ocp pdb exhaust outlet out egress rear back water liquid coolant cdu vr vrm vrd vreg cpu cpus proc
    processor core die hd hdd ssd nvme drive drives disk disks backplane bp hsbp raid hba roc bmc pch
    chipset ssb batt battery fan fans switch retimer asic fpga dpu bf cx sfp qsfp phy eth ethernet margin
    limit threshold tjmax delta dts tcontrol overtemp throttle hsc ibc storage stor boot tpm cable module
    mcp soc nvs pex efuse fuse gb mlom card adapter smartnic hmc
    """.split()
)
"""Words of sensors that measure a part, air that has left, or no air at all."""

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
    "front": 6.5,
    "environment": 6.0,
    "env": 6.0,
    "outside": 6.0,
    "lcp": 6.0,
    "room": 3.0,
}
"""Words that tell the place where air enters, with their weight."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a name is worth, and which word said so."""

    score: float
    reason: str


def words(name: str) -> list[str]:
    """Return the words of a name in lower case: "System Board Inlet Temp" -> sysboard, inlet, temp."""
    spaced = f" {name} "
    lowered = spaced.lower()
    for joined, replacement in _JOINED.items():
        while (start := lowered.find(joined)) >= 0:
            spaced = spaced[:start] + replacement + spaced[start + len(joined) :]
            lowered = spaced.lower()
    found = []
    for word in _WORDS.findall(spaced):
        low = word.lower()
        if not low.isdigit():
            found.append(_split_run(low))
    return [part for run in found for part in run]


def _split_run(word: str) -> list[str]:
    """Cut words written together in one case, such as "inlettemp" or "INLETAMB"."""
    if word in _PLACE or word in _ELSEWHERE or len(word) < 6:
        return [word]
    for place in (
        "inlet",
        "intake",
        "ambient",
        "frontpanel",
        "exhaust",
        "outlet",
        "psu",
        "cpu",
        "dimm",
        "gpu",
        "riser",
    ):
        head, middle, tail = word.partition(place)
        if middle:
            return [part for part in (head, middle, tail) if part]
    return [word]


def judge(name: str) -> Verdict:
    """Return how much a name speaks for the server's inlet temperature; 0 and below: not at all."""
    found = words(name)
    if not found:
        return Verdict(0.0, "no name")
    if "air" in found and "in" in found:
        found.append("airin")
    foreign = [word for word in found if word in _ELSEWHERE]
    if foreign:
        return Verdict(-10.0, f"{foreign[0]!r} is another place")
    places = [word for word in found if word in _PLACE]
    if not places:
        return Verdict(0.0, "the name tells no place")
    if "board" in found and "inlet" in found and "system" not in found and "sys" not in found:
        return Verdict(-5.0, "a board's own inlet lies inside")
    best = max(_PLACE[word] for word in places)
    score = best + 1.0 * (len(places) - 1)
    if {"mb", "bb", "baseboard", "motherboard", "planar"} & set(found):
        score -= 2.5  # measured on the board: right where nothing better is there
    return Verdict(score, f"named {' '.join(places)!r}")


def same(name: str, identifier: str) -> bool:
    """Return whether a name and an id are the same but for separators and case: "Inlet Temp", "InletTemp"."""
    return bool(name) and _bare(name) == _bare(identifier)


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

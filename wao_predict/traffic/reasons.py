"""The rules by which traffic is split, and why a pool or an endpoint deviates from its rule. Pure."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

CodeArray = NDArray[np.int8]
"""Codes of rules (indices into `RULES`), or values of `Reason` or `Note`."""


class Rule(StrEnum):
    """How the traffic of a pool is split among its endpoints."""

    PROPORTIONAL = "proportional"
    LOOKAHEAD = "lookahead"
    EQUAL = "equal"


RULES = tuple(Rule)
"""The code of a rule is its index in this tuple."""
PROPORTIONAL, LOOKAHEAD, EQUAL = (RULES.index(rule) for rule in Rule)


class Reason(IntEnum):
    """Why a pool is not split as its rule would do; `REASON_TEXTS` has the words."""

    NONE = 0
    NODE_UNKNOWN = 1
    POD_NOT_MEASURED = 2
    NO_LIMIT = 3
    NODE_NOT_MEASURED = 4
    NO_CURVE = 5
    NO_LOAD = 6
    ALL_FULL = 7
    EVEN = 8
    NOTHING_KNOWN = 9
    SATURATED = 10


REASON_TEXTS = {
    Reason.NONE: "",
    Reason.NODE_UNKNOWN: "no endpoint is on a known node",
    Reason.POD_NOT_MEASURED: "the CPU of too few pods is measured",
    Reason.NO_LIMIT: "no pod has a CPU limit or request",
    Reason.NODE_NOT_MEASURED: "the CPU of no endpoint's node is measured",
    Reason.NO_CURVE: "no endpoint's node has a power curve",
    Reason.NO_LOAD: "the Service has no load",
    Reason.ALL_FULL: "all endpoints are at their ceiling",
    Reason.EVEN: "equal shares within the ceilings: consolidating would save less than 1 % at this load",
    Reason.SATURATED: "the endpoints are saturated, so the full demand is unknown: split by free capacity",
    Reason.NOTHING_KNOWN: "no endpoint's node has a power curve and a CPU sample with room",
}


class Note(IntEnum):
    """Why the weight of an endpoint is a default or is limited; `NOTE_TEXTS` has the words."""

    NONE = 0
    NEUTRAL = 1
    OVERLOADED = 2
    FULL = 3
    CEILING = 4
    AT_LIMIT = 5
    ESTIMATED = 6
    ASSUMED_LIMIT = 7


NOTE_TEXTS = {
    Note.NONE: "",
    Note.NEUTRAL: "the node has no power curve or CPU sample: at most an equal share",
    Note.OVERLOADED: "the node is over its ceiling",
    Note.FULL: "the node has no room for another request",
    Note.CEILING: "at its ceiling",
    Note.AT_LIMIT: "the pod or its node uses all of its CPU: no more traffic",
    Note.ESTIMATED: "the pod's CPU is not measured: estimated from the other endpoints",
    Note.ASSUMED_LIMIT: "the pod has neither a CPU limit nor a request: the mean of the other endpoints is used",
}

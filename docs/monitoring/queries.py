"""The metrics that a PromQL expression reads. Pure."""

from __future__ import annotations

import re

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_MATCHERS_AND_RANGES = re.compile(r"\{[^}]*\}|\[[^\]]*\]")
_LABEL_LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w:$.])([A-Za-z_:][\w:]*)\b(?!\s*\()")
_WORDS = frozenset(
    "and or unless bool offset by without on ignoring group_left group_right sum avg min max count topk inf nan".split()
)
_SUFFIXES = ("_bucket", "_sum", "_count")


def metrics_in(expression: str) -> frozenset[str]:
    """Return the names of the metrics in a PromQL expression.

    Labels, ranges, functions, keywords and variables of Grafana are no metrics.

    Examples
    --------
    >>> sorted(metrics_in('sum by (node) (rate(a_total{zone="b"}[5m])) / on (node) c'))
    ['a_total', 'c']
    """
    text = _LABEL_LISTS.sub(" ", _MATCHERS_AND_RANGES.sub(" ", _STRINGS.sub(" ", expression)))
    return frozenset(name for name in _NAME.findall(text) if name.lower() not in _WORDS)


def family_of(name: str, families: frozenset[str]) -> str | None:
    """Return the family of a series name, or None if there is none; a histogram has three kinds of series.

    Examples
    --------
    >>> family_of("a_seconds_bucket", frozenset({"a_seconds"}))
    'a_seconds'
    """
    if name in families:
        return name
    return next(
        (name.removesuffix(end) for end in _SUFFIXES if name.endswith(end) and name.removesuffix(end) in families), None
    )

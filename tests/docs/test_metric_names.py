"""Metrics are named by the conventions of Prometheus, so that their unit and type can be read from the name.

https://prometheus.io/docs/practices/naming
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

UNITS = ("seconds", "bytes", "watts", "joules", "celsius", "pascals", "cores", "ratio")
"""The base units in use; others, such as `milliseconds` and `percent`, are not allowed."""
WORDS_FOR_UNITS = {
    "watt", "watt_hours", "kilowatts", "joule", "second", "milliseconds", "ms", "minutes", "hours", "byte", "kilobytes",
    "percent", "percentage", "degrees", "temp", "pascal", "millicores", "fraction",
}  # fmt: skip
ROOT = Path(__file__).parents[2]
DOCS = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("docs/decisions/*.md"), *ROOT.glob("docs/install/*.md")])
PAGE = ROOT / "docs" / "reference" / "metrics.md"
PACKAGES = {path.parent.name for path in ROOT.glob("wao_*/__init__.py")}
MODULES = [module for package in sorted(PACKAGES) for module in (ROOT / package).rglob("*.py")]
DECLARED = re.compile(r'(?:Gauge|Counter|Histogram|Family)\(\s*"(wao_\w+)"')
PARTS = ("bucket", "sum", "count")
NOT_SCRAPED = {
    "wao_cooling_watts",
    "wao_cooling_saving_watts",
    "wao_cooling_saving_error_watts",
    "wao_cooling_limits_met",
}
"""Those that `wao cooling optimize --output` writes to a file."""
# make check compares this page with what the servers export
METRICS = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
OURS = [found for found in METRICS if found[0].startswith("wao_")]


def faults(name: str, kind: str, about: str) -> list[str]:
    """Return what is wrong with the name of a metric."""
    words = name.removesuffix("_total").removesuffix("_info").split("_")
    last, text = words[-1], about.lower()
    is_time = kind == "gauge" and text.startswith(("time at", "time of", "when "))
    is_power = bool(re.match(r"(predicted |measured )?(power|energy)\b", text))
    rules = {
        "a counter ends in _total, and nothing else does": (kind == "counter") != name.endswith("_total"),
        "no type is part of a name": bool({"gauge", "counter", "histogram", "metric"} & set(words[2:])),
        "the time of creation is not exported": name.endswith("_created"),
        "_bucket, _sum and _count are series of a histogram": last in {"bucket", "sum", "count"},
        "names have base units in full": bool(WORDS_FOR_UNITS & set(words)),
        "the unit is the last word": any(unit in UNITS for unit in words[:-1]),
        "a histogram has durations": kind == "histogram" and words[-2:] != ["duration", "seconds"],
        "a gauge has no duration; a histogram has all of them": kind == "gauge" and "duration" in words,
        "a point in time ends in _timestamp_seconds": is_time and words[-2:] != ["timestamp", "seconds"],
        "a part from 0 to 1 ends in _ratio": ("0 to 1" in text) != (last == "ratio"),
        "the unit of the text is in the name": bool(re.search(r"\[(s|W|%|J|cores)\]", about)) and last not in UNITS,
        "a power or energy has its unit": is_power and last not in {"watts", "joules"},
    }
    return [rule for rule, broken in rules.items() if broken]


@pytest.mark.parametrize(("name", "kind", "about"), OURS, ids=[name for name, _, _ in OURS])
def test_a_metric_is_named_by_the_conventions(name: str, kind: str, about: str) -> None:
    assert faults(name, kind, about) == []


def test_every_metric_of_the_code_is_on_the_page() -> None:
    made = {name for module in MODULES for name in DECLARED.findall(module.read_text(encoding="utf-8"))}
    listed = {name.removesuffix("_total").removesuffix("_info") for name, _, _ in OURS}
    assert len(made) > 40
    assert sorted({name.removesuffix("_total").removesuffix("_info") for name in made} - listed) == []


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_metrics_that_exist(page: Path) -> None:
    listed = {name for name, _, _ in OURS}
    series = listed | {f"{name}_{part}" for name, kind, _ in OURS if kind == "histogram" for part in PARTS}
    named = set(re.findall(r"`(wao_\w+)[`{]", page.read_text(encoding="utf-8")))
    assert sorted(named - series - NOT_SCRAPED - PACKAGES) == []


@pytest.mark.parametrize(
    ("name", "kind", "about"),
    [
        ("wao_lb_watt_increase", "gauge", "Power increase of one more request [W]."),
        ("wao_lb_watts_increase", "gauge", "Increase."),
        ("wao_lb_weight", "gauge", "Share of the traffic [%]."),
        ("wao_lb_weight_percent", "gauge", "Share of the traffic."),
        ("wao_sensor_confidence", "gauge", "Confidence, 0 to 1."),
        ("wao_lb_plan_duration_seconds", "gauge", "Duration of the last plan."),
        ("wao_serving_cert_expiry_seconds", "gauge", "Time at which the certificate expires."),
        ("wao_syncs_total", "gauge", "Syncs."),
        ("wao_syncs", "counter", "Syncs."),
        ("wao_syncs_created", "gauge", "Syncs."),
        ("wao_fleet_power", "gauge", "Power of the fleet."),
    ],
)
def test_a_name_against_the_conventions_is_found(name: str, kind: str, about: str) -> None:
    assert faults(name, kind, about)

"""The saving against the spread baseline as metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from tests.fakes.spread_site import Site
from wao_scheduler.spread_metrics import SpreadCollector


async def test_the_last_comparison_and_the_energy_are_published() -> None:
    site, registry = Site(meters={"a": 192.0, "b": 200.0}), CollectorRegistry()
    registry.register(SpreadCollector(site.saving))
    assert registry.get_sample_value("wao_spread_saved_watts") is None
    for _ in range(2):
        await site.saving.update()
        site.now += 60.0
    expected = {
        "baseline_watts": 328.0,
        "saved_watts": 36.0,
        "measured_saved_watts": 100.0,
        "nodes": 2.0,
        "measured_nodes": 2.0,
        "saved_joules_total": 2160.0,
        "lost_joules_total": 0.0,
        "measured_saved_joules_total": 6000.0,
        "measured_lost_joules_total": 0.0,
    }
    assert {name: round(registry.get_sample_value(f"wao_spread_{name}") or 0.0, 6) for name in expected} == expected


async def test_a_saving_that_is_not_measured_has_no_series() -> None:
    site, registry = Site(), CollectorRegistry()
    registry.register(SpreadCollector(site.saving))
    await site.saving.update()
    assert registry.get_sample_value("wao_spread_measured_saved_watts") is None
    assert registry.get_sample_value("wao_spread_measured_nodes") == 0.0

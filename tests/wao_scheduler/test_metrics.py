"""What an operator sees of the extender's inputs."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from tests.fakes.snapshots import snapshot
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_scheduler.metrics import InputCollector, states

NAN = float("nan")


def shown(made: ClusterSnapshot | None, now: float) -> str:
    registry = CollectorRegistry()
    registry.register(InputCollector(lambda: made, clock=lambda: now))
    return generate_latest(registry).decode()


def test_the_age_of_the_oldest_input_rises_while_the_sources_are_away() -> None:
    made = snapshot(["a", "b"], usage_at=1_000.0)
    for now, age in ((1_010.0, "10.0"), (1_600.0, "600.0")):
        for name in ("cpu_usage", "inlet_temp", "delta_p"):
            assert f'wao_extender_input_age_seconds{{input="{name}"}} {age}' in shown(made, now)


def test_nodes_are_distinguished_by_what_is_known() -> None:
    made = snapshot(["a", "b", "c"], slopes=[1.0, 1.0, NAN], reasons=["", "inlet_temp is 70 s old", "no NodeConfig"])
    assert states(made) == {"measured": 1, "fallback": 1, "unknown": 1}
    assert 'wao_extender_nodes{state="unknown"} 1.0' in shown(made, 0.0)


def test_what_was_never_measured_has_no_age() -> None:
    assert "wao_extender_input_age_seconds{" not in shown(snapshot(["a"], usage_at=NAN), 0.0)
    assert "wao_extender_nodes{" not in shown(None, 0.0)

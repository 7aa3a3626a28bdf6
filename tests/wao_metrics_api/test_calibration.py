"""Calibration in a cluster: from samples to a correction in the status, across restarts and replicas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from tests.fakes.curves import CurveBench, FakeModel
from wao_core.cluster.records import Calibration, Kind, Node, NodeConfig, SensorTerm
from wao_core.cluster.state import ClusterState
from wao_core.collector.status import CalibrationReport
from wao_core.collector.store import Sample, SampleStore
from wao_core.crds.node_configs import node_config
from wao_core.prediction.snapshot_builder import SnapshotBuilder
from wao_metrics_api.calibration import Calibrations
from wao_predict.calibration.calibrator import Rules
from wao_predict.calibration.correction import Correction
from wao_predict.endpoint import Endpoint

RULES = Rules(learn=20, shadow=10, watch=20, memory=10.0)
MODEL = "Onnx m"


def config(mode: str = "Apply", *, meter: bool = True, **state: Any) -> NodeConfig:
    return NodeConfig(
        name="a",
        namespace="w",
        node_name="a",
        generation=1,
        metrics={"power_watts": SensorTerm(Endpoint("Redfish", "https://bmc"))} if meter else {},
        power_consumption=Endpoint("Onnx", "m"),
        calibration=None if mode == "Off" else Calibration(mode=mode, **state),
    )


@dataclass
class Cluster:
    """A node whose power is `scale` times that of its model, and the calibrations of one replica."""

    config: NodeConfig = field(default_factory=config)
    scale: float = 1.1
    calibrations: Calibrations = field(default_factory=lambda: Calibrations(RULES))

    def __post_init__(self) -> None:
        self.bench = CurveBench(m=FakeModel())
        self.bench.clock.now = 10_000.0
        self.state, self.store = ClusterState(), SampleStore()
        self.state.put(Kind.NODE, Node(name="a", capacity_cores=32.0, allocatable_cores=30.0))
        self.state.put(Kind.NODE_CONFIG, self.config)
        self.builder = SnapshotBuilder(self.state, self.store, self.bench.book, clock=self.bench.clock)
        self.random = np.random.default_rng(0)

    async def run(self, samples: int, *, write: bool = True) -> CalibrationReport:
        """Measure the node some times; like the reporter, write the state to the NodeConfig if it changes."""
        for _ in range(samples):
            now = self.bench.clock.now = self.bench.clock.now + 15.0
            usage = float(self.random.uniform(0, 100))
            self.store.put("a", "inlet_temp", Sample(20.0, now))
            self.store.put("a", "delta_p", Sample(5.0, now))
            self.store.put("a", "cpu_usage", Sample(usage, now, 15.0))
            self.store.put("a", "power_watts", Sample(self.scale * (120.0 + usage), now))
            self.builder.refresh()
            await self.bench.book.settle(0.5)
            snapshot = self.builder.refresh()
            configs = self.state.node_configs.values()
            self.calibrations.update(configs, snapshot, self.bench.book, self.store, now=now)
            report = self.report()
            if write:
                self.state.put(Kind.NODE_CONFIG, written(self.config, report))
        return report

    def report(self) -> CalibrationReport:
        """Return the report of the NodeConfig as it is now."""
        report = self.calibrations.report(self.state.node_configs["w/a"])
        assert report is not None
        return report

    @property
    def predicted(self) -> float:
        """The power at full load in a new snapshot [W]."""
        return float(self.builder.refresh(every=0.0).curves.at([100.0])[0])


def written(before: NodeConfig, report: CalibrationReport) -> NodeConfig:
    """Return the NodeConfig as sources decode it after the status was written."""
    assert before.calibration is not None
    collector = {"powerWatts": {"type": "Redfish", "endpoint": "https://bmc"}}
    predictor = {
        "powerConsumption": {"type": "Onnx", "endpoint": "m"},
        "calibration": {"mode": before.calibration.mode},
    }
    raw = {
        "metadata": {"generation": 1},
        "spec": {"nodeName": "a", "metricsCollector": collector, "predictor": predictor},
        "status": {"calibration": dict(report.fields)},
    }
    return node_config(raw, {"name": "a", "namespace": "w"})


async def test_the_condition_waits_for_the_first_sample() -> None:
    """The status is written when the condition changes, so that the first residual is in it at once."""
    cluster = Cluster()
    cluster.store.put("a", "power_watts", Sample(130.0, 0.0))
    snapshot = cluster.builder.refresh()
    configs = cluster.state.node_configs.values()
    cluster.calibrations.update(configs, snapshot, cluster.bench.book, cluster.store, now=cluster.bench.clock.now)
    assert (cluster.report().condition.reason, cluster.report().fields) == ("Waiting", {})
    report = await cluster.run(2)
    assert report.condition.reason == "NoCorrection"
    residual = report.fields["residualWatts"]
    assert isinstance(residual, float)
    assert residual > 0.0


async def test_a_correction_is_applied_after_its_shadow_period() -> None:
    cluster = Cluster()
    report = await cluster.run(10)
    assert (report.condition.status, report.condition.reason) == ("False", "NoCorrection")
    report = await cluster.run(15)
    assert (report.condition.status, report.condition.reason) == ("False", "Shadow")
    assert cluster.predicted == 220.0  # tried, but not used
    assert cluster.calibrations.corrections() == {}
    report = await cluster.run(15)
    assert (report.condition.status, report.condition.reason) == ("True", "Applied")
    assert "1.100 * predicted" in report.condition.message
    assert abs(cluster.predicted - 242.0) < 0.5
    model, used = cluster.calibrations.corrections()["a"]
    assert (model, round(used.scale, 2)) == (MODEL, 1.1)


async def test_in_shadow_mode_a_correction_is_reported_and_not_used() -> None:
    cluster = Cluster(config("Shadow"))
    report = await cluster.run(40)
    assert (report.condition.status, report.condition.reason) == ("False", "NotApplied")
    assert "mode Apply would use 1.100 * predicted" in report.condition.message
    assert report.fields["used"]
    assert cluster.predicted == 220.0
    assert cluster.calibrations.corrections() == {}


async def test_a_correction_that_is_worse_than_its_predecessor_is_withdrawn() -> None:
    cluster = Cluster()
    await cluster.run(33)
    assert abs(cluster.predicted - 242.0) < 0.5
    cluster.scale = 1.0  # the meter was wrong
    report = await cluster.run(22)
    assert (report.condition.status, report.condition.reason) == ("False", "NoCorrection")
    assert "last change: rolled back" in report.condition.message
    assert cluster.predicted == 220.0


async def test_a_restart_goes_on_from_the_status() -> None:
    before = Cluster()
    await before.run(40)
    after = Cluster(before.state.node_configs["w/a"])
    report = after.calibrations.report(after.config)
    assert report is not None
    assert report.condition.reason == "Waiting"
    stated = report.fields["used"]  # a status without it would withdraw the correction
    report = await after.run(2)
    assert report.fields["used"] == stated
    assert report.condition.reason == "Applied"
    assert abs(after.predicted - 242.0) < 0.5


async def test_a_replica_continues_from_what_another_one_has_written() -> None:
    cluster = Cluster()
    await cluster.run(5)
    cluster.config = config(model=MODEL, used=Correction(1.05, 1.0))
    cluster.state.put(Kind.NODE_CONFIG, cluster.config)
    report = await cluster.run(1, write=False)
    assert report.fields["used"] == {"scale": 1.05, "offsetWatts": 1.0}
    report = await cluster.run(1, write=False)  # its own state is not replaced again
    assert report.fields["used"] == {"scale": 1.05, "offsetWatts": 1.0}


async def test_a_correction_of_another_model_is_not_used() -> None:
    cluster = Cluster(config(model="Onnx other", used=Correction(1.2, 0.0)))
    report = await cluster.run(2, write=False)
    assert "used" not in report.fields
    assert cluster.predicted == 220.0


async def test_what_cannot_be_calibrated_says_so() -> None:
    without = Cluster(config(meter=False))
    report = await without.run(1, write=False)
    assert (report.condition.reason, report.fields) == ("NoPowerMeter", {})
    off = config("Off")
    assert Calibrations().report(off) is None


async def test_nothing_is_learned_from_a_fallback() -> None:
    cluster = Cluster()
    cluster.bench.models["m"].features = ("cpu_usage", "inlet_temp", "delta_p", "fan_speed")
    report = await cluster.run(40)
    assert "residualWatts" not in report.fields


def test_corrections_in_a_status_are_checked() -> None:
    found = written(config(), CalibrationReport(None, {"model": MODEL, "used": {"scale": 1.1, "offsetWatts": 2}}))  # type: ignore[arg-type]
    assert found.calibration == Calibration(mode="Apply", model=MODEL, used=Correction(1.1, 2.0))
    unusable: list[Any] = [{"scale": 9.0, "offsetWatts": 0}, {"scale": 1.1}, {"scale": True, "offsetWatts": 0}, [], "x"]
    unusable += [{"scale": 1.0, "offsetWatts": float("nan")}, {"scale": 1.0, "offsetWatts": 1e9}]
    for wrong in unusable:
        found = written(config(), CalibrationReport(None, {"model": MODEL, "used": wrong}))  # type: ignore[arg-type]
        assert found.calibration == Calibration(mode="Apply", model=MODEL)
    assert msgspec.structs.replace(found, calibration=None).calibration is None

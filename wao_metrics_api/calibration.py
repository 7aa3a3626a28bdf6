"""Calibration of models in a cluster: corrections of single servers, learned from predicted and measured power.

The state is in the status of NodeConfigs. Scheduler, load balancer and metrics API read it there, so all of them use
the same correction, and a restart goes on from it. A state that another replica has written replaces this one's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from wao_core.cluster.records import Calibration, NodeConfig, key_of
from wao_core.collector.status import CalibrationReport
from wao_core.collector.store import SampleStore
from wao_core.collector.usage import METRIC as CPU_USAGE
from wao_core.conditions import Condition
from wao_core.crds.node_configs import first_by_node
from wao_core.prediction.curve_book import CurveBook
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_core.prediction.snapshot_builder import POWER
from wao_predict.calibration.calibrator import Calibrator, Event, Rules
from wao_predict.calibration.correction import Correction
from wao_predict.recording.windows import NodeSamples, Window

_log = logging.getLogger(__name__)


@dataclass
class _Server:
    """The calibration of one server; `seen` is the state that was last read from its NodeConfig."""

    config: NodeConfig
    model: str
    seen: Calibration
    calibrator: Calibrator
    samples: NodeSamples
    last: Event | None = None
    recent: float | None = None  # mean residual [W], None before the first sample

    @property
    def state(self) -> tuple[Correction | None, Correction | None, Correction | None]:
        """The corrections that are used, tried, and compared with."""
        used = self.calibrator.used
        return (None if used == Correction() else used), self.calibrator.shadow, self.calibrator.predecessor


@dataclass
class Calibrations:
    """Calibrates the models of the nodes whose NodeConfigs enable it. Use from one event loop.

    Parameters
    ----------
    rules
        When a correction is learned, used and withdrawn.
    """

    rules: Rules = field(default_factory=Rules)
    _servers: dict[str, _Server] = field(default_factory=dict)

    def update(
        self,
        configs: Iterable[NodeConfig],
        snapshot: ClusterSnapshot,
        book: CurveBook,
        store: SampleStore,
        *,
        now: float | None = None,
    ) -> None:
        """Take new samples into account. Nodes whose curve is a fallback learn nothing.

        Parameters
        ----------
        snapshot
            The models and fallbacks of the nodes.
        book
            The curves without corrections.
        """
        at = time.time() if now is None else now
        enabled = _enabled(configs, snapshot)
        for node in self._servers.keys() - enabled.keys():
            del self._servers[node]
        for node, (config, model) in enabled.items():
            server = self._server(node, config, model)
            self._take(server, store)
            entry, row = book.entry(node), snapshot.index[node]
            rows = server.samples.rows(at)
            if entry is None or snapshot.reasons[row]:
                continue
            for one in rows:
                predicted = float(np.interp(one.values["cpu_usage"], book.knots, entry.watts))
                self._learn(server, one.time, predicted, one.values["watts"])

    def report(self, config: NodeConfig) -> CalibrationReport | None:
        """Return the condition and the fields of the status of a NodeConfig, None if its mode is Off."""
        if config.calibration is None:
            return None
        server = self._servers.get(config.node_name)
        if POWER not in config.metrics:
            reason, message = "NoPowerMeter", "set metricsCollector.powerWatts, so that there is power to compare with"
            return CalibrationReport(_condition(config, "False", reason, message), {})
        other = server is None or key_of(server.config) != key_of(config)
        if server is None or other or (server.recent is None and server.state == (None, None, None)):
            message = "no power has been predicted and measured yet"
            return CalibrationReport(_condition(config, "Unknown", "Waiting", message), _kept(config.calibration))
        used, shadow, previous = server.state
        applies = used is not None and config.calibration.mode == "Apply"
        reason, message = _explanation(server, applies)
        fields = _fields(server.model, used, shadow, previous)
        if server.recent is not None:
            fields["residualWatts"] = round(server.recent, 1)
        return CalibrationReport(_condition(config, "True" if applies else "False", reason, message), fields)

    def corrections(self) -> Mapping[str, tuple[str, Correction]]:
        """Return the model and the correction of each node that one is applied to."""
        return {
            node: (server.model, used)
            for node, server in self._servers.items()
            if server.seen.mode == "Apply" and (used := server.state[0]) is not None
        }

    def _server(self, node: str, config: NodeConfig, model: str) -> _Server:
        """Return the calibration of a node; a new one for another model, or if another replica wrote another state."""
        assert config.calibration is not None
        held = self._servers.get(node)
        stated = config.calibration if config.calibration.model == model else Calibration(mode=config.calibration.mode)
        same = held is not None and held.model == model and key_of(held.config) == key_of(config)
        if held is not None and same:
            changed = stated != held.seen
            held.config, held.seen = config, stated
            if not changed or not stated.model or (stated.used, stated.shadow, stated.previous) == held.state:
                return held
        samples = held.samples if held is not None and same else NodeSamples(node, ["watts"])
        calibrator = Calibrator(self.rules, used=stated.used, shadow=stated.shadow, predecessor=stated.previous)
        self._servers[node] = _Server(config, model, stated, calibrator, samples)
        return self._servers[node]

    def _take(self, server: _Server, store: SampleStore) -> None:
        power, used = store.get(server.samples.node, POWER), store.get(server.samples.node, CPU_USAGE)
        if power is not None and power.measured and power.value > 0:
            server.samples.add("watts", power.time, power.value)
        if used is not None and used.measured:
            server.samples.add_window(Window(used.time, used.window or 0.0, min(used.value, 100.0)))

    def _learn(self, server: _Server, at: float, predicted: float, measured: float) -> None:
        for event in server.calibrator.add(at, predicted, measured):
            server.last = event
            _log.info(
                "calibration of %s on node %s: %s, %s: %s",
                server.model, server.samples.node, event.change.value, _text(event.correction), event.text,
            )  # fmt: skip
        server.recent = server.calibrator.residual


def _enabled(configs: Iterable[NodeConfig], snapshot: ClusterSnapshot) -> dict[str, tuple[NodeConfig, str]]:
    """Return the NodeConfig that counts and the model of each node whose model is calibrated."""
    return {
        node: (config, model)
        for node, config in first_by_node(configs).items()
        if config.calibration is not None
        and POWER in config.metrics
        and (row := snapshot.index.get(node)) is not None
        and (model := snapshot.models[row])
    }


def _explanation(server: _Server, applies: bool) -> tuple[str, str]:
    """Return the reason and the message of the condition; they change with an event, not with each sample."""
    used, shadow, _ = server.state
    last = "" if server.last is None else f"; last change: {server.last.change.value}, {server.last.text}"
    if shadow is not None:
        return "Shadow", f"{_text(shadow)} is tried{last}"
    if used is None:
        return "NoCorrection", f"the model is used as it is{last}"
    if applies:
        return "Applied", f"{_text(used)}{last}"
    return "NotApplied", f"mode Apply would use {_text(used)}{last}"


def _text(correction: Correction) -> str:
    return f"{correction.scale:.3f} * predicted {correction.offset:+.1f} W"


def _fields(
    model: str, used: Correction | None, shadow: Correction | None, previous: Correction | None
) -> dict[str, object]:
    stated = {"used": used, "shadow": shadow, "previous": previous}
    corrections = {
        name: {"scale": one.scale, "offsetWatts": one.offset} for name, one in stated.items() if one is not None
    }
    return {"model": model, **corrections}


def _kept(calibration: Calibration) -> dict[str, object]:
    """Return the fields that the status has: a restart must not lose them before the first sample."""
    if not calibration.model:
        return {}
    return _fields(calibration.model, calibration.used, calibration.shadow, calibration.previous)


def _condition(config: NodeConfig, status: str, reason: str, message: str) -> Condition:
    return Condition("Calibrated", status, reason, message, config.generation)

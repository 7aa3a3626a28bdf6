"""Which nodes of a cluster are recorded, with which columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from wao_core.cluster.records import NodeConfig
from wao_core.crds.node_configs import first_by_node
from wao_predict.errors import UsageError

METRICS = {"inlet_temp": "inlet_temp", "delta_p": "delta_p", "power_watts": "watts"}
"""Metrics of NodeConfigs, and the columns that they become."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RecordedNodes:
    """The nodes to record, their metrics, and what is left out.

    Attributes
    ----------
    names
        Nodes, sorted.
    metrics
        Metrics that all of these nodes have, in the order of the columns.
    notes
        What is left out, and what to do about it.
    """

    names: tuple[str, ...]
    metrics: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """The columns of a row."""
        return ["cpu_usage", *(METRICS[metric] for metric in self.metrics)]


def nodes_to_record(configs: Iterable[NodeConfig], patterns: Sequence[str] = ()) -> RecordedNodes:
    """Return the nodes whose power is measured, and the metrics that all of them have.

    Parameters
    ----------
    configs
        All NodeConfigs. If several name a node, `first_by_node` chooses one.
    patterns
        Names of nodes to record, with the wildcards * and ?; all nodes without any.

    Raises
    ------
    UsageError
        No node is left.
    """
    of_node = first_by_node(configs)
    chosen = {
        name: config
        for name, config in of_node.items()
        if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
    }
    measured = sorted(name for name, config in chosen.items() if "power_watts" in config.metrics)
    if not chosen:
        which = f"matches {', '.join(patterns)}" if patterns and of_node else "has a NodeConfig"
        raise UsageError(f"no node {which}: create NodeConfigs with metricsCollector.powerWatts first")
    if not measured:
        raise UsageError(
            f"none of the {len(chosen)} nodes has a power meter: set metricsCollector.powerWatts in their NodeConfigs"
        )
    notes = [_note("not recorded, without metricsCollector.powerWatts", set(chosen) - set(measured))]
    metrics = []
    for metric in METRICS:
        without = {name for name in measured if metric not in chosen[name].metrics}
        if not without:
            metrics.append(metric)
        elif len(without) < len(measured):
            notes.append(
                _note(f"{metric} is not recorded, as some nodes have no sensor (choose nodes: --node)", without)
            )
    return RecordedNodes(tuple(measured), tuple(metrics), tuple(note for note in notes if note))


def _note(text: str, nodes: set[str]) -> str:
    """Return a text with some of the nodes that it is about, empty without any."""
    more = f" and {len(nodes) - _SHOWN} more" if len(nodes) > _SHOWN else ""
    return f"{text}: {', '.join(sorted(nodes)[:_SHOWN])}{more}" if nodes else ""

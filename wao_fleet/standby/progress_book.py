"""Keeps the progress of all nodes in the status of their NodeConfigs."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass

from wao_core.cluster.records import NodeConfig
from wao_core.cluster.source import Source
from wao_core.conditions import same_conditions
from wao_core.crds.status_writer import Status, StatusWriter, WriteResult, reference
from wao_fleet.standby.progress import Progress
from wao_predict.redfish.power_control import PowerState


@dataclass(frozen=True, slots=True)
class _KnownProgress:
    uid: str
    progress: Progress


class ProgressBook:
    """The progress of each node, read once from the cluster and written before anything is done.

    Parameters
    ----------
    source
        Reads and writes statuses.
    wall_clock
        Seconds since the epoch.
    """

    def __init__(
        self,
        source: Source,
        *,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._wall_clock = source, wall_clock
        self._writer = StatusWriter(source, "NodeConfig", _differs, clock=clock)
        self._held: dict[str, _KnownProgress] = {}

    def get(self, config: NodeConfig) -> Progress | None:
        """Return the progress of a node, None until it has been read."""
        held = self._held.get(config.node_name)
        return held.progress if held is not None and held.uid == config.uid else None

    async def load(self, config: NodeConfig) -> bool:
        """Read the progress from the cluster if it is not known yet; return whether it is known."""
        if self.get(config) is not None:
            return True
        status = await self._source.status(reference("NodeConfig", config))
        if status is None:
            return False
        self._held[config.node_name] = _KnownProgress(config.uid, Progress.of_status(status))
        return True

    async def write(self, config: NodeConfig, progress: Progress, power: PowerState | None) -> bool:
        """Write the progress of a node; return whether the cluster has it now."""
        status = Status(progress.conditions(config), {"standby": progress.fields(power)})
        result = await self._writer.write(config, status, self._wall_clock())
        if result not in (WriteResult.WRITTEN, WriteResult.UNCHANGED):
            return False
        self._held[config.node_name] = _KnownProgress(config.uid, progress)
        return True

    def keep(self, config: NodeConfig, progress: Progress) -> None:
        """Keep the progress of a node in memory only, because its NodeConfig was deleted."""
        self._held[config.node_name] = _KnownProgress(config.uid, progress)

    def keep_only(self, nodes: Container[str]) -> None:
        """Forget the progress of all other nodes, such as those that were deleted."""
        for name in [name for name in self._held if name not in nodes]:
            del self._held[name]

    def forget(self) -> None:
        """Forget everything: another replica may have gone on since."""
        self._held.clear()
        self._writer.forget()

    def progress(self) -> Mapping[str, Progress]:
        """Return the known progress by node name."""
        return {name: held.progress for name, held in self._held.items()}


def _differs(present: Status, new: Status) -> bool:
    if not same_conditions(present.conditions, new.conditions):
        return True
    return present.fields.get("standby") != new.fields.get("standby")

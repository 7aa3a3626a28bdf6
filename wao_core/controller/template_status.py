"""The status of NodeConfigTemplates: computed from the results, written to the cluster, and reported as Events."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Mapping

from wao_core.cluster.records import NodeConfigTemplate
from wao_core.cluster.source import Source
from wao_core.conditions import Condition
from wao_core.controller.diff import NodeConfigChanges
from wao_core.crds.desired import TemplateResult
from wao_core.crds.status_writer import Status, StatusWriter, WriteResult, reference

KIND = "NodeConfigTemplate"


class TemplateStatusReporter:
    """Writes the status of each template when it changes, and an Event when the template is not ready.

    Parameters
    ----------
    clock
        Seconds, for the retry of failed writes.
    wall_clock
        Seconds since the epoch, for transition times.
    """

    def __init__(
        self,
        source: Source,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._source, self._wall_clock = source, wall_clock
        self._writer = StatusWriter(source, KIND, operator.ne, clock=clock)

    async def report(self, results: Mapping[str, TemplateResult], changes: NodeConfigChanges) -> int:
        """Write the statuses that have changed, and return the number of failed writes."""
        templates = self._source.state.node_config_templates
        self._writer.keep(templates.values())
        failed = 0
        for key, result in results.items():
            template = templates.get(key)
            if template is None:  # deleted since the comparison
                continue
            taken = [name for name, wanted_by in changes.taken.items() if wanted_by == key]
            failed += await self._write(template, template_status(template, result, taken)) is WriteResult.FAILED
        return failed

    def retry_in(self) -> float | None:
        """Return the seconds until a failed write is retried, or None when no write has failed."""
        return self._writer.retry_in()

    def forget(self) -> None:
        """Read all statuses again before the next write: another replica may have led since."""
        self._writer.forget()

    async def _write(self, template: NodeConfigTemplate, status: Status) -> WriteResult:
        written = self._writer.written(template)
        if written is not None and written.status == status:
            return WriteResult.UNCHANGED
        result = await self._writer.write(template, status, self._wall_clock())
        ready = status.conditions[0]
        if result is WriteResult.WRITTEN and ready.status == "False":
            about = reference(KIND, template)
            await self._source.event(about, reason=ready.reason, message=ready.message, warning=True)
        return result


def template_status(template: NodeConfigTemplate, result: TemplateResult, taken: list[str]) -> Status:
    """Return the status of a template, without transition times.

    Parameters
    ----------
    taken
        Keys of its NodeConfigs whose name is in use by a NodeConfig without a template.
    """
    status, reason, message = "True", "Rendered", f"{result.nodes} nodes"
    if result.errors:
        node, why = min(result.errors.items())
        more = f" (and {len(result.errors) - 1} more nodes)" if len(result.errors) > 1 else ""
        status, reason, message = "False", "TemplateError", f"node {node}: {why}{more}"
    elif result.lost_nodes:
        node, winner = min(result.lost_nodes.items())
        status, reason = "False", "Conflict"
        message = f"{len(result.lost_nodes)} nodes, such as {node}, have their NodeConfig from {winner}, which is older"
    elif taken:
        status, reason = "False", "NameTaken"
        message = f"{taken[0]} exists and was not created from a template: it is left unchanged"
    ready = Condition("Ready", status, reason, message, template.generation)
    fields = {"nodes": result.nodes - len(result.errors), "observedGeneration": template.generation}
    return Status((ready,), fields)

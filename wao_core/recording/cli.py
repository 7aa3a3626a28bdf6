"""`wao record cluster`: options only; other modules are imported when the command runs."""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wao_core.serving.endpoint_options import EndpointOptions
from wao_predict.cli.options import with_options
from wao_predict.cli.record import Save, status_line
from wao_predict.printable import say


class SensorsOption(StrEnum):
    """Where the values of BMCs and other sensors come from."""

    METRICS_API = "metrics-api"
    DIRECT = "direct"


@with_options(EndpointOptions, "endpoints")
def cluster(
    endpoints: EndpointOptions,
    save: Save,
    node: Annotated[
        list[str] | None,
        typer.Option(help="Node to record, with * and ? as wildcards. Can be repeated. Default: all nodes."),
    ] = None,
    sensors: Annotated[
        SensorsOption,
        typer.Option(
            help="metrics-api: list the values that wao metrics-api has read. direct: read BMCs and sensors from here, "
            "with the Secrets of the NodeConfigs."
        ),
    ] = SensorsOption.METRICS_API,
    period: Annotated[
        float,
        typer.Option(min=1.0, max=3600.0, help="Time between two lists of metrics.k8s.io and of the metrics API [s]."),
    ] = 15.0,
    duration: Annotated[str, typer.Option(help="Time to record, such as 90m. Default: until Ctrl-C.")] = "",
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            "--kubeconfig",
            envvar="KUBECONFIG",
            help="Read the cluster from the API server in this file; not needed inside a cluster.",
        ),
    ] = None,
) -> None:
    """Record the nodes of a cluster whose NodeConfigs have a power meter.

    The load is that of metrics.k8s.io. A row has the end of its window as time, and the mean power within the window.
    Ctrl-C ends the recording; a second run with the same --save continues it.
    """
    from wao_core.recording.cluster import ClusterPlan, record_cluster
    from wao_predict.recording.times import seconds

    plan = ClusterPlan(
        kubeconfig=kubeconfig,
        save=save,
        patterns=tuple(node or ()),
        direct=endpoints.access(standalone=False) if sensors is SensorsOption.DIRECT else None,
        period=period,
        duration=seconds(duration, "--duration") if duration else float("inf"),
    )
    try:
        done = asyncio.run(record_cluster(plan, _note, status_line))
    except KeyboardInterrupt:
        sys.stdout.write(f"{save}: the rows until now are written\n")
        return
    if not done.rows and done.problem:
        remedy = "" if plan.direct else "; --sensors direct reads BMCs and sensors from here"
        say(f"warning: no rows: {done.problem}{remedy}")
    sys.stdout.write(f"{save}: {done.rows:,} new rows of {done.nodes} nodes\n")


def _note(text: str) -> None:
    say(f"note: {text}")

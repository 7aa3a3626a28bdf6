"""`wao record`: record load, temperature and power for `wao train`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wao_predict.cli.connection import FirstUse, converse
from wao_predict.cli.options import with_options
from wao_predict.printable import printable, say

if TYPE_CHECKING:
    from wao_predict.predictor import Connection
    from wao_predict.recording.files import Recording
    from wao_predict.recording.live import LiveNode
    from wao_predict.recording.load import SteppedLoad

app = typer.Typer(help="Record load, temperature and power, as a table for wao train.", no_args_is_help=True)

LOAD = "Stepped load"
Save = Annotated[
    Path,
    typer.Option(
        "--save", "-s", metavar="FILE.csv|FOLDER", help="CSV file, or folder for Parquet files; rows are appended."
    ),
]
Period = Annotated[float, typer.Option(min=1.0, max=3600.0, help="Time between two rows [s].")]


@app.command("prometheus")
@with_options(FirstUse, "login")
def prometheus(
    login: FirstUse,
    url: Annotated[str, typer.Argument(help="https://host[:port] of the server.", metavar="URL")],
    save: Save,
    watts_query: Annotated[str, typer.Option(help="PromQL of the power [W] of each node.")],
    cpu_query: Annotated[
        str, typer.Option(help="PromQL of the load [%]. Default: that of node_exporter.", show_default=False)
    ] = "",
    inlet_query: Annotated[str, typer.Option(help="PromQL of the inlet temperature [degC].")] = "",
    pressure_query: Annotated[str, typer.Option(help="PromQL of the pressure difference [Pa].")] = "",
    node_label: Annotated[str, typer.Option(help="Label with the name of the node.")] = "instance",
    start: Annotated[
        str, typer.Option(help="Start: an age such as 90m, 2h or 7d, or a time such as 2026-01-31T12:00:00Z.")
    ] = "2h",
    end: Annotated[str, typer.Option(help="End, likewise. Default: now.", show_default=False)] = "0s",
    period: Period = 15.0,
) -> None:
    """Record all nodes of a time range from a Prometheus server.

    A second run with the same --save appends what is new.
    """
    from wao_predict.recording.aligning import Series, aligned
    from wao_predict.recording.coverage import Coverage
    from wao_predict.recording.files import Recording
    from wao_predict.recording.prometheus_range import NODE_EXPORTER_CPU, RangeQuery
    from wao_predict.recording.times import moment

    now = time.time()
    begin, finish = moment(start, now, "--start"), moment(end, now, "--end")
    window = max(60.0, 4 * period)
    queries = {
        "cpu_usage": cpu_query or NODE_EXPORTER_CPU.format(label=node_label, window=f"{window:.0f}"),
        "inlet_temp": inlet_query,
        "delta_p": pressure_query,
        "watts": watts_query,
    }
    asked = {name: RangeQuery(url, query, label=node_label) for name, query in queries.items() if query}
    target = Recording(save, list(asked))
    how = login.connection_to(url)
    found: dict[str, dict[str, Series]] = {}
    for name, query in asked.items():
        found[name] = converse(query.flow(begin, finish, period), query.base_url, how)
        _check_names(found[name], node_label)
        say(f"{name}: {len(found[name])} nodes")
    nodes = sorted(set.intersection(*(set(series) for series in found.values())))
    coverage, written = Coverage(), 0
    for node in nodes:
        rows = aligned(
            node, {name: series[node] for name, series in found.items()}, period=period, after=target.last(node)
        )
        coverage.add(rows)
        written += target.append(rows)
    target.flush()
    if not nodes:
        from wao_predict.errors import SensorError

        raise SensorError(f"no node has all of {', '.join(asked)}: do the queries have the same label {node_label}?")
    say(coverage.text())
    sys.stdout.write(f"{save}: {written:,} new rows of {len(nodes)} nodes\n")


def _check_names(nodes: Iterable[str], label: str) -> None:
    """Refuse names that a spreadsheet would compute, or a terminal obey."""
    from wao_predict.errors import SensorError

    for node in nodes:
        if not node.isprintable() or node.startswith(("=", "+", "-", "@")):
            raise SensorError(f"{label}={node!r:.80} is no name of a node: give another label")


@dataclass(frozen=True)
class Stepping:
    """Options about a load that the command makes."""

    load: Annotated[
        bool,
        typer.Option(
            "--run-load",
            help="Run a stepped load on THIS machine meanwhile, which must be the recorded server. Uses stress-ng "
            "where installed.",
            rich_help_panel=LOAD,
        ),
    ] = False
    hold: Annotated[
        float, typer.Option(min=10.0, max=3600.0, help="Time at each level of load [s].", rich_help_panel=LOAD)
    ] = 150.0
    max_inlet: Annotated[
        float, typer.Option(help="End the load above this inlet temperature [degC].", rich_help_panel=LOAD)
    ] = 35.0
    max_watts: Annotated[
        float | None, typer.Option(help="End the load above this power [W].", rich_help_panel=LOAD)
    ] = None


@app.command("redfish")
@with_options(Stepping, "stepping")
@with_options(FirstUse, "login")
def redfish(
    login: FirstUse,
    stepping: Stepping,
    url: Annotated[str, typer.Argument(help="https://host[:port] of the BMC.", metavar="URL")],
    save: Save,
    cpu: Annotated[
        str,
        typer.Option(
            metavar="local|URL",
            help="Where the load comes from: local for this machine, or the URL of the server's node_exporter, "
            "http://host:9100/metrics.",
        ),
    ] = "local",
    node: Annotated[str, typer.Option(help="Name of the server in the rows. Default: host of the BMC.")] = "",
    dpapi: Annotated[str, typer.Option(metavar="URL", help="URL of the sensor of a differential pressure API.")] = "",
    period: Period = 15.0,
    duration: Annotated[
        str, typer.Option(help="Time to record, such as 90m. Default: until Ctrl-C, or the end of the load.")
    ] = "",
) -> None:
    """Record one server from its BMC and its CPU counters, as it runs.

    Ctrl-C ends the recording; a second run with the same --save continues it.
    """
    from wao_predict.recording.files import Recording
    from wao_predict.recording.live import check_sources
    from wao_predict.recording.load import Limits, LoadPlan, SteppedLoad
    from wao_predict.recording.times import seconds

    if stepping.load and cpu != "local":
        raise typer.BadParameter("--run-load makes load on this machine: use it there, with --cpu local")
    how = login.connection_to(url)
    plan = LoadPlan(hold=stepping.hold)
    limit = seconds(duration, "--duration") if duration else (plan.duration if stepping.load else float("inf"))
    with ExitStack() as stack:
        live = _live(stack, how, url=url, cpu=cpu, node=node, dpapi=dpapi)
        target = Recording(save, live.columns)
        check_sources(live)
        steps = None
        if stepping.load:
            steps = stack.enter_context(SteppedLoad(plan, Limits(stepping.max_inlet, stepping.max_watts)))
        written = follow(live, target, steps, period=period, limit=limit)
    if steps is not None and steps.stopped:
        say(f"warning: the load ended early: {steps.stopped}")
    sys.stdout.write(f"{save}: {written:,} new rows of {live.node}\n")


class MeterOption(StrEnum):
    """Power meters of HPE's BMCs."""

    MINUTES = "minutes"
    DAY = "day"
    WEEK = "week"


@app.command("history")
@with_options(FirstUse, "login")
def history(
    login: FirstUse,
    url: Annotated[str, typer.Argument(help="https://host[:port] of the BMC.", metavar="URL")],
    save: Save,
    meter: Annotated[
        MeterOption,
        typer.Option(help="minutes: samples of 10 s of 20 minutes. day: 5 minutes of a day. week: hours of a week."),
    ] = MeterOption.MINUTES,
    node: Annotated[str, typer.Option(help="Name of the server in the rows. Default: host of the BMC.")] = "",
    system: Annotated[
        str, typer.Option(help="The server where the BMC has several: path, id, name or UUID of its System.")
    ] = "",
) -> None:
    """Record what a BMC of HPE has measured already: load, inlet temperature and power.

    A second run with the same --save appends what is new: every 20 minutes, nothing is missed.
    """
    from urllib.parse import urlsplit

    from wao_predict.recording.aligning import Row
    from wao_predict.recording.coverage import Coverage
    from wao_predict.recording.files import Recording
    from wao_predict.redfish.power_history import Meter, read_history

    name = node or urlsplit(url).hostname or "server"
    target = Recording(save, ["cpu_usage", "inlet_temp", "watts"])
    found = converse(read_history(Meter[meter.name], system=system or None), url, login.connection_to(url))
    rows = [
        Row(one.time, name, {"cpu_usage": one.cpu_usage, "inlet_temp": one.inlet_temp, "watts": one.watts})
        for one in found
        if one.time > target.last(name)
    ]
    target.append(rows)
    target.flush()
    coverage = Coverage()
    coverage.add(rows)
    say(coverage.text())
    if rows and not any(row.values["cpu_usage"] for row in rows):
        say("warning: the CPU load is 0 in all rows: this BMC may not measure it")
    sys.stdout.write(f"{save}: {len(rows):,} new rows of {name}\n")


def _live(stack: ExitStack, how: Connection, *, url: str, cpu: str, node: str, dpapi: str) -> LiveNode:
    """Return the server to record; its connections are closed with `stack`."""
    from urllib.parse import urlsplit

    from wao_predict.recording.live import LiveNode, Source, exporter_counters, local_counters
    from wao_predict.sensors.dpapi import DifferentialPressureSensor
    from wao_predict.sensors.redfish import RedfishSensor
    from wao_predict.transport import HttpTransport

    def open_transport(base: str, connection: Connection) -> HttpTransport:
        transport = HttpTransport(
            base, credentials=connection.credentials, tls=connection.tls, options=connection.options
        )
        stack.callback(transport.close)
        return transport

    inlet, power = RedfishSensor(url, "inlet_temp"), RedfishSensor(url, "power_watts")
    state: dict[str, object] = {}
    for sensor in (inlet, power):
        sensor.share(state)
    bmc = open_transport(power.base_url, how)
    sources = {"inlet_temp": Source(inlet, bmc), "watts": Source(power, bmc)}
    others = replace(how, credentials=None)  # the password is the BMC's
    if dpapi:
        pressure = DifferentialPressureSensor(dpapi)
        sources["delta_p"] = Source(pressure, open_transport(pressure.base_url, others))
    counters = local_counters()
    if cpu != "local":
        parts = urlsplit(cpu)
        exporter = open_transport(f"{parts.scheme}://{parts.netloc}", others)
        counters = exporter_counters(exporter, parts.path or "/metrics")
    return LiveNode(node or urlsplit(url).hostname or "server", counters, sources)


def follow(
    live: LiveNode,
    target: Recording,
    load: SteppedLoad | None,
    *,
    period: float,
    limit: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Append a row per period until the time is up, the load ends, or Ctrl-C; return the number of rows.

    Parameters
    ----------
    limit
        Time to record [s].
    """
    from wao_predict.recording.coverage import Coverage

    coverage, written = Coverage(), 0
    begin, number = clock(), 0
    with status_line() as show:
        try:
            while True:
                elapsed = clock() - begin
                row = live.read() if number else None  # the sources were read before the first period
                if row is not None and (added := target.append([row])):
                    written += added
                    coverage.add([row])
                goes_on = load is None or load.advance(elapsed, None if row is None else row.values)
                show(coverage.text() + (f"; {live.problem}" if live.problem else ""))
                if not goes_on or elapsed >= limit:
                    return written
                number += 1
                sleep(max(0.0, begin + number * period - clock()))
        except KeyboardInterrupt:
            return written
        finally:
            target.flush()


@contextmanager
def status_line() -> Iterator[Callable[[str], None]]:
    """Show one line that changes on a terminal; elsewhere, a line per minute."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("recording") as status:
            yield lambda text: status.update(printable(text).replace("[", "\\["))
        return
    shown = [float("-inf")]

    def line(text: str) -> None:
        if time.monotonic() - shown[0] >= 60.0:
            say(text)
            shown[0] = time.monotonic()

    yield line

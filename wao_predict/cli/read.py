"""`wao read`: read one BMC, pressure API, Prometheus server or model provider, and show the values found."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wao_predict.cli.connection import FirstUse, converse
from wao_predict.cli.options import with_options
from wao_predict.cli.output import TableOrJson, print_facts, print_json

app = typer.Typer(
    help="Read one BMC, pressure API, Prometheus server or model provider, as the collector does.",
    no_args_is_help=True,
)

Url = Annotated[str, typer.Argument(help="https://host[:port]", metavar="URL")]
System = Annotated[str | None, typer.Option(help="The System to read, where the BMC has several.")]
Form = Annotated[TableOrJson, typer.Option("--output", "-o", help="Output format.")]


def _show(facts: dict[str, Any], output: TableOrJson, tls: dict[str, str]) -> None:
    """Print what was read, and the fields of `tls` to write into the NodeConfig if there are any."""
    if output is TableOrJson.JSON:
        print_json({**facts, "tls": tls} if tls else facts)
        return
    print_facts(facts)
    if tls:
        typer.echo("\nTo accept this certificate only, add to the endpoint in the NodeConfig:\n  tls:")
        for name, value in tls.items():
            typer.echo(f'    {name}: "{value}"')


@app.command("redfish")
@with_options(FirstUse, "login")
def redfish(
    login: FirstUse,
    url: Url,
    system: System = None,
    output: Form = TableOrJson.TABLE,
) -> None:
    """Find inlet temperature and measured power on a BMC of any vendor.

    Login and discovery are those of the collector. A missing value is null; `reason` and `faults` say why.
    """
    from wao_predict.redfish.discovery import discover

    how = login.connection_to(url)
    found = converse(discover(system=system), url, how)
    inlet, power = found.inlet, found.power
    facts: dict[str, Any] = {
        "inlet_temp": None if inlet is None else inlet.value,
        "inlet_temp_uri": None if inlet is None else inlet.shown_uri,
        "inlet_temp_name": None if inlet is None else inlet.name,
        "power_watts": None if power is None else power.value,
        "power_uri": None if power is None else power.shown_uri,
        "vendor": found.vendor,
        "model": found.model,
        "requests": found.requests,
    }
    if output is TableOrJson.JSON:
        facts |= {
            "inlet_temp_confidence": None if inlet is None else inlet.confidence,
            "inlet_temp_reason": "" if inlet is None else inlet.reason,
            "power_confidence": None if power is None else power.confidence,
            "power_reason": "" if power is None else power.reason,
            "systems": list(found.systems),
            "reason": found.reason,
            "provisional": found.transient is not None,
            "faults": list(found.faults),
        }
        _show(facts, output, login.lines(how))
        return
    if inlet is not None:
        facts["confidence"] = f"{inlet.confidence:.0%} ({inlet.reason})"
    if found.reason:
        facts["reason"] = found.reason
    if found.faults:
        facts["broken"] = f"{len(found.faults)} resources, such as {found.faults[0]}"
    _show(facts, output, login.lines(how))


@app.command("dpapi")
@with_options(FirstUse, "login")
def dpapi(
    login: FirstUse,
    url: Annotated[str, typer.Argument(help="https://host[:port] or the whole URL of a sensor", metavar="URL")],
    node_name: Annotated[str | None, typer.Option(help="Read the sensor of this node.")] = None,
    node_address: Annotated[str | None, typer.Option(help="Read the sensor of the node with this address.")] = None,
    sensor_id: Annotated[str | None, typer.Option(help="Read the sensor with this id.")] = None,
    output: Form = TableOrJson.TABLE,
) -> None:
    """Read the static pressure difference at a node from a differential pressure API."""
    from wao_predict.sensors.dpapi import DifferentialPressureSensor

    if sum(given is not None for given in (node_name, node_address, sensor_id)) > 1:
        raise typer.BadParameter("give one of --node-name, --node-address and --sensor-id")
    how = login.connection_to(url)
    sensor = DifferentialPressureSensor(url, node_name=node_name, node_address=node_address, sensor_id=sensor_id)
    reading = converse(sensor.flow(), sensor.base_url, how)
    facts = {"delta_p": reading.value, "unit": reading.unit, "source": reading.source, "url": sensor.url}
    _show(facts, output, login.lines(how))


@app.command("prometheus")
@with_options(FirstUse, "login")
def prometheus(
    login: FirstUse,
    url: Url,
    query: Annotated[str, typer.Option(help="PromQL that returns one sample; $node and $address are replaced.")],
    metric: Annotated[str, typer.Option(help="Metric to read: inlet_temp, delta_p or power_watts.")] = "inlet_temp",
    node_name: Annotated[str, typer.Option(help="Name of the node, replaces $node.")] = "",
    node_address: Annotated[str, typer.Option(help="Address of the node, replaces $address.")] = "",
    output: Form = TableOrJson.TABLE,
) -> None:
    """Read one value of one node from a Prometheus server by an instant query."""
    from wao_predict.sensors.prometheus import PrometheusSensor

    how = login.connection_to(url)
    sensor = PrometheusSensor(url, query, metric=metric, node_name=node_name, node_address=node_address)
    reading = converse(sensor.flow(), sensor.base_url, how)
    taken = None if reading.time is None else reading.time.isoformat(timespec="seconds")
    facts = {metric: reading.value, "unit": reading.unit, "time": taken, "query": sensor.query}
    _show(facts, output, login.lines(how))


@app.command("model-endpoint")
@with_options(FirstUse, "login")
def model_endpoint(
    login: FirstUse,
    url: Url,
    system: System = None,
    output: Form = TableOrJson.TABLE,
) -> None:
    """Read which power model a BMC names for its server, and the URL of the model."""
    from wao_predict.redfish.model_endpoint import find_model

    how = login.connection_to(url)
    found = converse(find_model(system=system), url, how)
    facts = {
        "endpoint": found.infer_url,
        "url": found.url,
        "name": found.name,
        "version": found.version,
        "system": found.system,
    }
    _show(facts, output, login.lines(how))

"""`wao models`: the included models, curves of common servers, and candidates for a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from wao_predict.cli.connection import Login, converse
from wao_predict.cli.options import shipped_models, with_options
from wao_predict.cli.output import TableOrJson, print_facts, print_json, print_table

if TYPE_CHECKING:
    from wao_predict.backends.power_curve import PowerCurveBackend
    from wao_predict.features import FeatureRanges
    from wao_predict.models.metadata import ModelInfo
    from wao_predict.models.specpower import ServerType


class _ShowByDefault(TyperGroup):
    """`wao models MODEL` is `wao models show MODEL`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        known = not args or args[0] in self.commands
        return super().resolve_command(ctx, args if known else ["show", *args])

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Return commands and the names of the included models."""
        show = self.commands["show"]
        (name,) = (parameter for parameter in show.params if parameter.name == "name")
        return [*super().shell_complete(ctx, incomplete), *name.shell_complete(ctx, incomplete)]


app = typer.Typer(cls=_ShowByDefault, invoke_without_command=True, subcommand_metavar="[MODEL|COMMAND]")
Form = Annotated[TableOrJson, typer.Option("--output", "-o", help="Output format.")]


@app.callback()
def models(context: typer.Context, output: Form = TableOrJson.TABLE) -> None:
    """List the included power models, and find the power curve of a common server.

    `wao models MODEL` shows one model with trained ranges, errors, source and licence. Curves of 317 server types from
    SPECpower results are models too: `wao models search` finds their names.
    """
    from wao_predict.models import list_models

    if context.invoked_subcommand is not None:
        return
    shipped = list_models()
    if output is TableOrJson.JSON:
        print_json([document(info) for info in shipped])
    else:
        _print_list(shipped)


@app.command("show")
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of an included model, specpower:NAME, or path of an .onnx file or of a CSV file of points.",
            metavar="MODEL",
            autocompletion=shipped_models,
        ),
    ],
    output: Form = TableOrJson.TABLE,
) -> None:
    """Show one model: trained ranges, errors, source and licence."""
    from wao_predict.backends.power_curve import PowerCurveBackend
    from wao_predict.models import model_path, read_info
    from wao_predict.models.specpower import find

    if name.startswith("specpower:"):
        server = find(name.removeprefix("specpower:"))
        print_json(server_document(server)) if output is TableOrJson.JSON else _print_server(server)
        return
    if name.lower().endswith(".csv"):
        curve = PowerCurveBackend.from_csv(name)
        print_json(curve_document(curve)) if output is TableOrJson.JSON else _print_curve(curve)
        return
    info = read_info(name if name.endswith(".onnx") else model_path(name))
    print_json(document(info)) if output is TableOrJson.JSON else _print_one(info)


@app.command("search")
def search(
    text: Annotated[
        list[str], typer.Argument(help='Processor and cores, such as "epyc 7763" or "xeon gold 64 cores".')
    ],
    output: Form = TableOrJson.TABLE,
) -> None:
    """Search the power curves of 317 server types by processor and number of cores."""
    from wao_predict.errors import UsageError
    from wao_predict.models import specpower

    wanted = " ".join(text)
    found = specpower.search(wanted)
    if output is TableOrJson.JSON:
        print_json([server_document(server) for server in found])
        return
    if not found:
        close = ", ".join(specpower.close_processors(wanted))
        hint = f"did you mean {close}?" if close else "try fewer words, such as the vendor or the series"
        raise UsageError(f"no server type with {wanted!r:.80}; {hint}")
    _print_servers([(server, "") for server in found], title=f"Server types with {wanted!r:.80}")


@app.command("match")
@with_options(Login, "login")
def match(
    login: Login,
    url: Annotated[str, typer.Argument(help="https://host[:port] of the BMC", metavar="URL")],
    system: Annotated[str | None, typer.Option(help="The System to read, where the BMC has several.")] = None,
    output: Form = TableOrJson.TABLE,
) -> None:
    """Read the processors of a server from its BMC, and list the server types that resemble it.

    The list is a proposal: check the differences, and confirm the curve with a few measurements.
    """
    from dataclasses import asdict

    from wao_predict.models.matching import candidates
    from wao_predict.redfish.hardware import read_hardware

    how = login.connection_to(url)
    hardware = converse(read_hardware(system), url, how)
    found = candidates(hardware)
    if output is TableOrJson.JSON:
        proposals = [server_document(item.server) | {"reason": item.reason, "exact": item.exact} for item in found]
        print_json({"hardware": asdict(hardware), "candidates": proposals})
        return
    print_facts({name: value or None for name, value in asdict(hardware).items()})
    if found:
        typer.echo()
        _print_servers([(item.server, item.reason) for item in found], title="Server types that resemble it")
    else:
        typer.echo("\nNo server type resembles it: measure the server, or give a curve of points.")


@app.command("export")
def export(
    source: Annotated[
        str, typer.Argument(help='specpower:NAME, a CSV file of points, or "curve:0=62 100=120".', metavar="CURVE")
    ],
    out: Annotated[Path, typer.Argument(help="ONNX file to write.", metavar="OUT.onnx")],
) -> None:
    """Export a curve of load to an ONNX file, for a model server or another program.

    The input X has one column, the CPU load in percent; the output watts has one value per row.
    """
    from wao_predict.backends.power_curve import PowerCurveBackend
    from wao_predict.errors import UsageError
    from wao_predict.models.export import curve_to_onnx
    from wao_predict.predictor import load_predictor

    if out.suffix != ".onnx":
        raise typer.BadParameter(f"{out}: use a file name that ends in .onnx")
    with load_predictor(source) as predictor:
        curve = predictor.backend
        if not isinstance(curve, PowerCurveBackend):
            raise UsageError(
                f"{source:.80} is no curve of load: give specpower:NAME, a CSV file of points, or curve:..."
            )
        info = curve_to_onnx(curve, out)
    print_facts(
        {
            "file": f"{out} ({out.stat().st_size:,} bytes)",
            "model": info.name,
            "input": "X, shape (N, 1): cpu_usage [%]",
            "output": "watts, shape (N,)",
            "source": info.source or None,
        }
    )


def document(info: ModelInfo) -> dict[str, object]:
    """Return the description of a model as a JSON object; unknown values are null."""
    return {
        "name": info.name,
        "path": str(info.path),
        "bytes": _size(info.path),
        "features": list(info.features),
        "ranges": _ranges(info.ranges),
        "support": _ranges(info.support),
        "knots": list(info.knots),
        "metrics": dict(info.metrics),
        "source": info.source or None,
        "license": info.license or None,
        "created_with": info.created_with or None,
    }


def server_document(server: ServerType) -> dict[str, object]:
    """Return the description of a server type as a JSON object; unknown values are null."""
    from wao_predict.models import specpower

    return {
        "name": f"specpower:{server.name}",
        "processor": server.processor,
        "cores": server.cores,
        "chips": server.chips,
        "memory_gb": server.memory_gb,
        "frequency_mhz": server.frequency_mhz,
        "results": server.results,
        "fit": server.fit,
        "fit_mae": server.mae,
        "fit_mape": server.mape,
        "features": ["cpu_usage"],
        "not_modelled": specpower.NOT_MODELLED,
        "knots": list(specpower.LOADS),
        "watts": list(server.watts),
        "source": specpower.SOURCE,
    }


def curve_document(curve: PowerCurveBackend) -> dict[str, object]:
    """Return the description of a curve of points as a JSON object."""
    return {
        "name": curve.name,
        "features": list(curve.features),
        "ranges": _ranges(curve.ranges),
        "knots": curve.knots.tolist(),
        "watts": curve.watts.tolist(),
        "source": curve.source or None,
    }


def _print_servers(servers: list[tuple[ServerType, str]], *, title: str) -> None:
    reasons = any(reason for _, reason in servers)
    header = ("model", "cores", "idle W", "full W", "fit MAPE %", *(("difference",) if reasons else ()))
    rows = [
        (
            f"specpower:{server.name}",
            server.cores,
            server.watts[0],
            server.watts[-1],
            server.mape,
            *((reason,) if reasons else ()),
        )
        for server, reason in servers
    ]
    caption = "Power over load only, from SPECpower_ssj2008 results. `wao curve MODEL` draws it."
    print_table(header, rows, title=title, caption=caption)


def _print_server(server: ServerType) -> None:
    from wao_predict.models import specpower

    facts: dict[str, object] = {
        "processor": server.processor,
        "cores": f"{server.cores} in {server.chips} processors",
        "memory": f"{server.memory_gb:g} GB",
        "frequency": f"{server.frequency_mhz:g} MHz",
        "results": server.results,
        "fit": server.fit,
        "error of the fit": None if server.mape is None else f"MAE {server.mae} W, MAPE {server.mape} %",
        "not modelled": specpower.NOT_MODELLED,
        "source": specpower.SOURCE,
    }
    print_facts(facts, title=f"Power model specpower:{server.name}\n")
    typer.echo()
    print_table(("CPU load %", "power W"), list(server.points), title="Curve")


def _print_curve(curve: PowerCurveBackend) -> None:
    print_facts({"points": len(curve.knots), "source": curve.source}, title=f"Power model {curve.name}\n")
    typer.echo()
    print_table(("CPU load %", "power W"), list(zip(curve.knots, curve.watts, strict=True)), title="Curve")


def _print_list(shipped: list[ModelInfo]) -> None:
    header = ("model", "CPU %", "inlet °C", "pressure Pa", "held-out MAE W", "MAPE %", "kB", "data licence")
    rows = [
        (
            info.name,
            *(_span(info.ranges, feature) for feature in ("cpu_usage", "inlet_temp", "delta_p")),
            _figure(info, "mae"),
            _figure(info, "mape"),
            round(_size(info.path) / 1000),
            info.license or None,
        )
        for info in shipped
    ]
    caption = "Outside the trained ranges, the nearest trained value is used. `wao models MODEL` shows details."
    print_table(header, rows, title="Included power models", caption=caption)


def _print_one(info: ModelInfo) -> None:
    facts: dict[str, object] = {
        "file": f"{info.path} ({_size(info.path):,} bytes)",
        "trained CPU %": _span(info.ranges, "cpu_usage"),
        "trained inlet °C": _span(info.ranges, "inlet_temp"),
        "trained pressure Pa": _span(info.ranges, "delta_p"),
        "curve knots": len(info.knots) or None,
        "source": info.source or None,
        "data licence": info.license or None,
        "made with": info.created_with or None,
    }
    if info.support:
        spans = (
            f"{_span(info.support, f)} {u}" for f, u in (("cpu_usage", "%"), ("inlet_temp", "°C"), ("delta_p", "Pa"))
        )
        facts["source varies in"] = ", ".join(spans)
    print_facts(facts, title=f"Power model {info.name}\n")
    parts = {f"held out: {key}": value for key, value in info.metrics.get("held_out", {}).items()}
    if "fit" in info.metrics:
        parts["seen in training"] = info.metrics["fit"]["all"]
    if parts:
        rows = [(key, int(p["rows"]), float(p["mae"]), float(p["rmse"]), float(p["mape"])) for key, p in parts.items()]
        typer.echo()
        print_table(("rows", "number", "MAE W", "RMSE W", "MAPE %"), rows, title="Errors")


def _figure(info: ModelInfo, key: str) -> float | None:
    value = info.metrics.get("held_out", {}).get("all", {}).get(key)
    return None if value is None else float(value)


def _span(ranges: FeatureRanges | None, feature: str) -> str | None:
    if ranges is None:
        return None
    if feature not in ranges:
        return None
    low, high = ranges[feature]
    return f"{low:g} - {high:g}"


def _ranges(ranges: FeatureRanges | None) -> dict[str, list[float]] | None:
    return {name: list(pair) for name, pair in ranges.items()} if ranges else None


def _size(path: Path | None) -> int:
    return path.stat().st_size if path else 0

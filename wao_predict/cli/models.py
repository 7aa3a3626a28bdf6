"""`wao models`: the included models and their errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wao_predict.cli.options import shipped_models
from wao_predict.cli.output import TableOrJson, print_facts, print_json, print_table

if TYPE_CHECKING:
    from wao_predict.features import FeatureRanges
    from wao_predict.models.metadata import ModelInfo


def models(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Name of an included model, or path of an .onnx file. Default: list all included models.",
            metavar="MODEL",
            autocompletion=shipped_models,
        ),
    ] = None,
    output: Annotated[TableOrJson, typer.Option("--output", "-o", help="Output format.")] = TableOrJson.TABLE,
) -> None:
    """List the included power models with trained ranges, errors, source and licence."""
    from wao_predict.models import list_models, model_path, read_info

    if name is None:
        shipped = list_models()
        if output is TableOrJson.JSON:
            print_json([document(info) for info in shipped])
        else:
            _print_list(shipped)
        return
    info = read_info(name if name.endswith(".onnx") else model_path(name))
    if output is TableOrJson.JSON:
        print_json(document(info))
    else:
        _print_one(info)


def document(info: ModelInfo) -> dict[str, object]:
    """Return the description of a model as a JSON object; unknown values are null."""
    return {
        "name": info.name,
        "path": str(info.path),
        "bytes": _size(info.path),
        "ranges": _ranges(info.ranges),
        "support": _ranges(info.support),
        "knots": list(info.knots),
        "metrics": dict(info.metrics),
        "source": info.source or None,
        "license": info.license or None,
        "created_with": info.created_with or None,
    }


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
        print_table(("rows", "number", "MAE W", "RMSE W", "MAPE %"), rows, title="\nErrors")


def _figure(info: ModelInfo, key: str) -> float | None:
    value = info.metrics.get("held_out", {}).get("all", {}).get(key)
    return None if value is None else float(value)


def _span(ranges: FeatureRanges | None, feature: str) -> str | None:
    if ranges is None:
        return None
    low, high = getattr(ranges, feature)
    return f"{low:g} - {high:g}"


def _ranges(ranges: FeatureRanges | None) -> dict[str, list[float]] | None:
    from wao_predict.features import FEATURES

    return {name: list(getattr(ranges, name)) for name in FEATURES} if ranges else None


def _size(path: Path | None) -> int:
    return path.stat().st_size if path else 0

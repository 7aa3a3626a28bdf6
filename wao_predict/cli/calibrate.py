"""`wao calibrate`: learn corrections of a model for single servers from a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wao_predict.cli.options import with_options
from wao_predict.cli.output import TableOrJson, print_json, print_table
from wao_predict.cli.train import Units
from wao_predict.printable import say

if TYPE_CHECKING:
    from wao_predict.calibration.replay import Calibrated
    from wao_predict.train.table import TrainingTable


@with_options(Units, "units")
def calibrate(
    units: Units,
    model: Annotated[str, typer.Argument(help="Model, as for wao predict.", metavar="MODEL")],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Recording: CSV or Parquet file, or folder, with the features of the model, watts, and optionally "
            "node and time.",
        ),
    ],
    save: Annotated[
        Path | None,
        typer.Option("--save", "-s", metavar="FILE.json", help="Write the corrections by node to this file."),
    ] = None,
    drift: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Mean relative residual from which a correction is learned.")
    ] = 0.02,
    learn: Annotated[int, typer.Option(min=10, help="Samples that a correction is learned from.")] = 240,
    shadow: Annotated[int, typer.Option(min=10, help="Samples for which a correction is tried before use.")] = 120,
    watch: Annotated[
        int, typer.Option(min=10, help="Samples for which a used correction is compared with its predecessor.")
    ] = 240,
    output: Annotated[TableOrJson, typer.Option("--output", "-o", help="Output format.")] = TableOrJson.TABLE,
) -> None:
    """Learn a bounded correction of a model for each server of a recording, as a cluster would while it runs.

    A correction (scale and offset) is learned when the residual drifts. It is tried in the shadow before it is used,
    and withdrawn when it is worse than its predecessor. Scales are within 0.8 to 1.25, offsets within 20 % of power.
    """
    from wao_predict.calibration.calibrator import Rules
    from wao_predict.calibration.corrected import write_corrections
    from wao_predict.calibration.replay import load_recording, replay
    from wao_predict.predictor import load_predictor

    with load_predictor(model) as predictor:
        table = _in_units(load_recording(predictor, data), units)
        found = replay(predictor, table, Rules(learn=learn, shadow=shadow, watch=watch, drift=drift))
    if save is not None:
        write_corrections(save, {item.node: item.correction for item in found})
        say(f"corrections of {len(found)} nodes: {save}")
    if output is TableOrJson.JSON:
        print_json([_document(item) for item in found])
        return
    rows = [
        (item.node, item.rows, item.residual, item.error_before, item.error_after, item.correction.scale,
         item.correction.offset, _last_change(item, learn))
        for item in found
    ]  # fmt: skip
    header = ("node", "rows", "residual W", "error W", "with correction W", "scale", "offset W", "last change")
    print_table(header, rows, caption="residual: mean of measured minus predicted; error: mean absolute residual")


def _last_change(item: Calibrated, learn: int) -> str:
    if item.events:
        return item.events[-1].change.value
    return "no drift" if item.rows >= learn else f"none: fewer than {learn} rows"


def _in_units(table: TrainingTable, units: Units) -> TrainingTable:
    """Return the table with load in percent and temperature in degC.

    Raises
    ------
    UsageError, FeatureError
        The values of a column are in another unit, or cannot be measurements.
    """
    from wao_predict.errors import UsageError
    from wao_predict.train.checks import check_units
    from wao_predict.train.preparing import in_units

    converted = in_units(table, units.preparation())
    for finding in check_units(converted):
        if finding.fatal:
            raise UsageError(f"{table.path}: {finding.text}")
        say(f"warning: {finding.text}")
    return converted


def _document(item: Calibrated) -> dict[str, object]:
    from wao_predict.timestamps import format_rfc3339

    return {
        "node": item.node,
        "rows": item.rows,
        "residual_watts": round(item.residual, 3),
        "error_watts": round(item.error_before, 3),
        "error_watts_with_correction": round(item.error_after, 3),
        "scale": item.correction.scale,
        "offset_watts": item.correction.offset,
        "events": [
            {
                "time": format_rfc3339(event.time) if event.time > 1e6 else None,
                "change": event.change.value,
                "scale": event.correction.scale,
                "offset_watts": event.correction.offset,
                "text": event.text,
            }
            for event in item.events
        ],
    }

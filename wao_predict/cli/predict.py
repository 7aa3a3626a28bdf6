"""`wao predict`: predict watts for a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wao_predict.cli.connection import Login
from wao_predict.cli.options import ModelOption, parse_options, shipped_models, with_options
from wao_predict.cli.output import Output, print_csv, print_json, print_table
from wao_predict.printable import say

if TYPE_CHECKING:
    from wao_predict.csvtable import CsvTable
    from wao_predict.predictor import Prediction

MOST_SHOWN = 1000
"""Maximum number of rows in a table for people; csv and json have all rows."""


@with_options(Login, "login", timeout=30.0)
def predict(
    login: Login,
    model: Annotated[
        str,
        typer.Argument(
            help="Name of an included model, ONNX file, URL of a model on a V2 server, redfish+https://BMC, or fake.",
            metavar="MODEL",
            autocompletion=shipped_models,
        ),
    ],
    table: Annotated[
        str,
        typer.Argument(
            help="CSV file with the model's features as columns: cpu_usage, inlet_temp, delta_p, or cpu, amb_temp, dp; "
            "- reads stdin.",
            metavar="TABLE.csv|-",
        ),
    ],
    output: Annotated[Output, typer.Option("--output", "-o", help="Output format.")] = Output.TABLE,
    type_: Annotated[
        str | None, typer.Option("--type", help="Type of the model, if MODEL does not imply it: Onnx, Redfish, ...")
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Also print bounds that contain this share of measurements, such as 0.9. Needs a model of wao train.",
        ),
    ] = None,
    option: ModelOption = None,
) -> None:
    """Predict watts for a table of CPU load [%], inlet temperature [degC] and static pressure difference [Pa].

    Rows outside the trained range of the model are predicted at the nearest trained value. They are reported on stderr,
    and in JSON as row numbers (from 0) in out_of_range.
    """
    from wao_predict.csvtable import read_csv
    from wao_predict.predictor import load_predictor

    how = login.connection_to(model)
    with load_predictor(model, type=type_, connection=how, **parse_options(option)) as predictor:
        read = read_csv(table)
        prediction = predictor.predict_detailed(read.numbers(predictor.features), interval=interval)
    if prediction.out_of_range.size and output is not Output.JSON:
        _report(prediction)
    _print(output, read, prediction)


def _report(prediction: Prediction) -> None:
    rows = ", ".join(str(row) for row in prediction.out_of_range[:10])
    more = ", ..." if prediction.out_of_range.size > 10 else ""
    say(
        f"warning: {prediction.out_of_range.size} of {prediction.watts.size} rows (from 0: {rows}{more}) are outside "
        "the trained range; predicted at the nearest trained value"
    )


def _print(output: Output, table: CsvTable, prediction: Prediction) -> None:
    columns = {"": prediction.watts, "_low": prediction.low, "_high": prediction.high}
    found = {name: [round(float(value), 4) for value in part] for name, part in columns.items() if part is not None}
    if output is Output.JSON:
        rows = [int(row) for row in prediction.out_of_range]
        watts = {f"watts{name}": values for name, values in found.items()}
        print_json({"model": prediction.model, **watts, "out_of_range": rows})
        return
    own = "predicted_watts" if "watts" in table.header else "watts"
    header = [*table.header, *(own + name for name in found)]
    width = len(table.header)
    rows_out = [
        [*(row + [""] * width)[:width], *values] for row, *values in zip(table.rows, *found.values(), strict=True)
    ]
    if output is Output.CSV:
        print_csv(header, rows_out)
        return
    outside = {int(row) for row in prediction.out_of_range}
    shown = rows_out[:MOST_SHOWN]
    left = len(rows_out) - len(shown)
    print_table(
        [*header, "range"] if outside else header,
        [[*row, "outside" if index in outside else ""] for index, row in enumerate(shown)] if outside else shown,
        caption=f"model {prediction.model}" + (f"; {left:,} more rows: use --output csv to see all" if left else ""),
    )

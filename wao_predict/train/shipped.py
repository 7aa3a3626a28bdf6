"""Train the four included models again: `python -m wao_predict.train.shipped` in a clone of the repository.

The models are trained on the published tables in examples/data/power. The same machine and version of torch give
identical files; others differ by less than `TOLERANCE`.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from wao_predict.cli.output import print_table
from wao_predict.features import FeatureRanges
from wao_predict.models import FOLDER
from wao_predict.models.metadata import ModelInfo
from wao_predict.train.report import error_rows
from wao_predict.train.session import TrainingPlan, train_to_onnx
from wao_predict.train.table import load_table

DATA = Path(__file__).parents[2] / "examples" / "data" / "power"
FIGURES = FOLDER / "figures.json"
SOURCE = (
    "Outputs of the published power models in https://github.com/waok8s/optimization (pc-models), evaluated on a grid. "
    "Copyright 2021-2025 Osaka University, Bitmedia Inc., NEC Corporation, Neutrix Cloud Japan Inc., "
    "Shinohara Electric Co., Ltd."
)
LICENSE = "Apache-2.0"
EPOCHS = 600
"""The tables have no noise, so more epochs are better; more than this hardly improve the model."""

TOLERANCE = 0.2
"""Maximum mean difference [% of watts] from the included file on another machine or version of torch."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server type: its table, and the ranges in which the published model changes (its tree splits)."""

    name: str
    support: FeatureRanges


SERVERS = (
    Server("cloud_dell", FeatureRanges(cpu_usage=(0.38, 93.9), inlet_temp=(12.5, 29.5), delta_p=(3.99, 22.7))),
    Server("cloud_lenovo", FeatureRanges(cpu_usage=(0.24, 100.0), inlet_temp=(12.5, 30.5), delta_p=(3.91, 23.3))),
    Server("edge_lenovo", FeatureRanges(cpu_usage=(0.63, 99.6), inlet_temp=(18.5, 33.5), delta_p=(0.013, 9.19))),
    Server("edge_supermicro", FeatureRanges(cpu_usage=(0.57, 98.0), inlet_temp=(20.5, 33.5), delta_p=(0.012, 9.47))),
)


def train_server(server: Server, folder: Path, *, held_out: bool = True) -> ModelInfo:
    """Train the model of one server type, write `folder`/NAME.onnx, and return its description."""
    info = ModelInfo(
        server.name,
        support=server.support,
        source=SOURCE,
        license=LICENSE,
        created_with="wao_predict.train.shipped",
    )
    table = load_table(DATA / f"{server.name}.csv")
    plan = TrainingPlan(epochs=EPOCHS, holdout="planes" if held_out else "none")
    return train_to_onnx(table, folder / f"{server.name}.onnx", plan=plan, info=info).info


def main() -> None:
    """Train all models, print their errors, and write the errors to figures.json."""
    arguments = argparse.ArgumentParser(description="Train the included models again.")
    arguments.add_argument("--save", type=Path, default=FOLDER, help="folder to write to")
    folder = arguments.parse_args().save
    console = Console(stderr=True)
    rows: list[tuple[object, ...]] = []
    figures = {}
    for server in SERVERS:
        begun = time.monotonic()
        with console.status(f"training {server.name}"):
            info = train_server(server, folder)
        seconds = time.monotonic() - begun
        figures[server.name] = dict(info.metrics)
        rows += [(info.name, *errors) for errors in error_rows(info)]
        console.print(f"{info.path}: {info.path.stat().st_size if info.path else 0:,} bytes, {seconds:.0f} s")
    (folder / FIGURES.name).write_text(json.dumps(figures, indent=1) + "\n")
    print_table(("model", "rows", "number", "MAE W", "RMSE W", "MAPE %"), rows, title="Errors of the included models")


if __name__ == "__main__":
    main()

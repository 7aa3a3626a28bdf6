"""Options of `wao simulate`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

PODS, WHERE, OFF, MOVES = "Pods", "Simulation", "Servers that are switched off", "Pods that are moved"
YEAR, RESULT = "Saving per year", "Result"
"""Panels of the help."""


class Preset(StrEnum):
    """Column names of a table of pods."""

    DEFAULT = "default"
    ALIBABA_GPU_2023 = "alibaba-gpu-2023"


@dataclass(frozen=True)
class Pods:
    """Options about the pods."""

    pods: Annotated[
        str | None,
        typer.Option(
            metavar="PODS.csv|.parquet|-",
            help="Table of pods: arrival [s], duration or end [s], cpu_request [cores], and if known cpu_use and "
            "movable. Without it, days are drawn.",
            rich_help_panel=PODS,
        ),
    ] = None
    preset: Annotated[Preset, typer.Option(help="Column names of the table of pods.", rich_help_panel=PODS)] = (
        Preset.DEFAULT
    )
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=COLUMN",
            help="Another column name, such as arrival=start. Repeatable.",
            rich_help_panel=PODS,
        ),
    ] = None
    load: Annotated[
        list[float] | None,
        typer.Option(
            min=0.01,
            max=1.0,
            help="Mean load of a drawn day, as a fraction of the CPU. Repeatable.",
            rich_help_panel=PODS,
            show_default="0.3 and 0.6",
        ),
    ] = None
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            "-n",
            min=1,
            max=1_000_000,
            help="Pods of a drawn day; with --cpu, pods that run at a time.",
            rich_help_panel=PODS,
            show_default="2000",
        ),
    ] = None
    movable: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Fraction of drawn pods that may be moved.", rich_help_panel=PODS),
    ] = 1.0
    days: Annotated[int, typer.Option(min=1, max=366, help="Days to draw in a row.", rich_help_panel=PODS)] = 1


@dataclass(frozen=True)
class Simulation:
    """Options about the simulation."""

    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            "-p",
            help="Policy to compare; +moves, +standby or both may follow its name. Savings are relative to the first. "
            "Repeatable.",
            rich_help_panel=WHERE,
            show_default="least-allocated, reference, peaks, lookahead, floor",
        ),
    ] = None
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Days to draw for each load.", rich_help_panel=WHERE)] = 5
    floor_window: Annotated[
        float, typer.Option(min=1.0, max=720.0, help="Window of the rule floor [h].", rich_help_panel=WHERE)
    ] = 24.0
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, max=1024, help="Processes. Default: one per core.", rich_help_panel=WHERE),
    ] = None
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run on a Ray cluster, such as ray://host:10001. Needs the extra ray.",
            rich_help_panel=WHERE,
        ),
    ] = None


@dataclass(frozen=True)
class SwitchOff:
    """Options about servers that are switched off."""

    standby: Annotated[
        bool,
        typer.Option(
            "--standby",
            help="Simulate each policy also with empty servers switched off, as POLICY+standby.",
            rich_help_panel=OFF,
        ),
    ] = False
    start_time: Annotated[
        float, typer.Option(min=0.0, max=86_400.0, help="Time that a start takes [s].", rich_help_panel=OFF)
    ] = 300.0
    start_failures: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Fraction of starts that fail.", rich_help_panel=OFF)
    ] = 0.0
    off_watts: Annotated[
        float, typer.Option(min=0.0, max=1000.0, help="Power of a server that is off [W].", rich_help_panel=OFF)
    ] = 8.0
    spare_percent: Annotated[
        float,
        typer.Option(min=0.0, max=100.0, help="Part of the running capacity to keep free [%].", rich_help_panel=OFF),
    ] = 10.0
    spare_cores: Annotated[
        float, typer.Option(min=0.0, max=1e9, help="Minimum CPU to keep free [cores].", rich_help_panel=OFF)
    ] = 16.0
    empty_seconds: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=86_400.0,
            help="Time that a server must be empty before it is switched off [s].",
            rich_help_panel=OFF,
        ),
    ] = 900.0


@dataclass(frozen=True)
class Moves:
    """Options about pods that are moved."""

    rebalance: Annotated[
        bool,
        typer.Option(
            "--rebalance",
            help="Simulate each policy also with pods moved to where they cost less, as POLICY+moves.",
            rich_help_panel=MOVES,
        ),
    ] = False
    move_period: Annotated[
        float, typer.Option(min=1.0, max=86_400.0, help="Time between two plans [s].", rich_help_panel=MOVES)
    ] = 600.0
    moves: Annotated[int, typer.Option(min=0, max=1_000_000, help="Moves of one plan.", rich_help_panel=MOVES)] = 10
    minimum_saving: Annotated[
        float, typer.Option(min=0.0, max=1e6, help="Power that emptying a node must save [W].", rich_help_panel=MOVES)
    ] = 5.0
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Move pods also from nodes on which others stay.", rich_help_panel=MOVES),
    ] = False


@dataclass(frozen=True)
class Year:
    """Options about the saving per year."""

    cpu: Annotated[
        str | None,
        typer.Option(
            help="CPU of each pod, such as 500m or 2, instead of mixed sizes; --count of them run at a time.",
            rich_help_panel=YEAR,
        ),
    ] = None
    price: Annotated[float | None, typer.Option(min=0.0, help="Price of 1 kWh.", rich_help_panel=YEAR)] = None
    currency: Annotated[str, typer.Option(help="Currency of the price.", rich_help_panel=YEAR)] = "EUR"
    co2: Annotated[
        float | None, typer.Option("--co2", min=0.0, help="Emissions of 1 kWh [g CO2].", rich_help_panel=YEAR)
    ] = None
    pue: Annotated[
        float | None,
        typer.Option(
            min=1.0,
            max=10.0,
            help="Power usage effectiveness of the data centre, for cooling and other losses.",
            rich_help_panel=YEAR,
            show_default="1",
        ),
    ] = None
    model_error: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=100.0,
            help="Error of models that state none, such as SPECpower curves [MAPE, %].",
            rich_help_panel=YEAR,
        ),
    ] = 13.0
    yearly: Annotated[
        bool, typer.Option("--yearly", help="Show the saving per year without a price.", rich_help_panel=YEAR)
    ] = False

    @property
    def wanted(self) -> bool:
        """Whether the saving per year is to be shown."""
        return self.yearly or any(value is not None for value in (self.cpu, self.price, self.co2, self.pue))


@dataclass(frozen=True)
class Result:
    """Options about the result."""

    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write a report with plots to this file.", rich_help_panel=RESULT),
    ] = None
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            "-s",
            metavar="FILE.csv|.parquet",
            help="Write power and busy nodes over time to this file.",
            rich_help_panel=RESULT,
        ),
    ] = None

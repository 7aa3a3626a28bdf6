"""The options of servers that count cooling plants and prices. Light at import: typer and the standard library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wao_core.prediction.cooling_costs import PlantSource

_PANEL = "Cooling and prices"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantOptions:
    """The cooling plants of the nodes."""

    cooling: Annotated[
        Path | None,
        typer.Option(
            metavar="PLANT.yaml",
            envvar="WAO_COOLING",
            help="Plant file: count cooling and prices too. Default: the servers' own power.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    cooling_label: Annotated[
        str,
        typer.Option(
            metavar="LABEL",
            envvar="WAO_COOLING_LABEL",
            help="Node label whose value is the group of a plant, such as its room.",
            rich_help_panel=_PANEL,
        ),
    ] = ""

    def source(self) -> PlantSource | None:
        """Return the plants, None without a plant file."""
        from wao_core.prediction.cooling_costs import PlantSource

        return None if self.cooling is None else PlantSource(self.cooling, self.cooling_label)

    def problems(self) -> list[str]:
        """Return everything that is wrong with these options, in the words of the command line."""
        if (self.cooling is None) != (not self.cooling_label):
            return ["--cooling and --cooling-label: give both or neither"]
        if self.cooling is not None and not self.cooling.is_file():
            return [f"--cooling {self.cooling}: no such file"]
        return []

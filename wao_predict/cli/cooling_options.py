"""The option --cooling: the plants in a file, with what Prometheus measures read now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wao_predict.printable import say

if TYPE_CHECKING:
    from wao_predict.cooling.groups import Cooling
    from wao_predict.cooling.measured import MeasuredValue
    from wao_predict.flow import Flow
    from wao_predict.sensors.base import Reading

_PANEL = "Cooling"


@dataclass(frozen=True)
class CoolingOptions:
    """Options about cooling plants."""

    cooling: Annotated[
        Path | None,
        typer.Option(
            metavar="PLANT.yaml", help="Count cooling and prices too, by these plants.", rich_help_panel=_PANEL
        ),
    ] = None
    outdoor_temp: Annotated[
        float | None,
        typer.Option(
            min=-60.0, max=60.0, help="Outdoor temperature instead of the file's [degC].", rich_help_panel=_PANEL
        ),
    ] = None
    outdoor_humidity: Annotated[
        float | None,
        typer.Option(min=0.0, max=100.0, help="Outdoor humidity instead of the file's [%].", rich_help_panel=_PANEL),
    ] = None

    def plants(self) -> Cooling | None:
        """Return the plants, None without the option.

        Raises
        ------
        UsageError
            The file cannot be used.
        """
        if self.cooling is None:
            if self.outdoor_temp is not None or self.outdoor_humidity is not None:
                raise typer.BadParameter("--outdoor-temp and --outdoor-humidity need --cooling")
            return None
        return read_cooling(self.cooling, self.outdoor_temp, self.outdoor_humidity)


def read_cooling(path: Path, outdoor_temp: float | None = None, outdoor_humidity: float | None = None) -> Cooling:
    """Return the plants in a file; values that cannot be measured are reported on standard error."""
    from wao_predict.cooling.measured import read_values
    from wao_predict.cooling.plant_file import read_plants, with_weather

    file = with_weather(read_plants(path), outdoor_temp, outdoor_humidity)
    readings, problems = read_values(file, _read)
    for problem in problems:
        say(f"warning: {problem}")
    return file.cooling(readings)


def _read(flow: Flow[Reading], value: MeasuredValue) -> Reading:
    from wao_predict.cli.connection import converse
    from wao_predict.predictor import Connection

    return converse(flow, value.sensor().base_url, Connection(tls=value.tls()))

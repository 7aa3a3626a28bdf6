"""How much of the range of loads and temperatures a recording covers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from wao_predict.recording.aligning import Row
from wao_predict.train.checks import BAND, LEAST_IN_BAND

TEMP_BAND = 2
"""Width of a band of temperature [degC]."""


@dataclass
class Coverage:
    """Counts of rows by band of load and of temperature.

    Examples
    --------
    >>> coverage = Coverage()
    >>> coverage.add([Row(0.0, "a", {"cpu_usage": 99.5, "watts": 200.0, "inlet_temp": 23.0})])
    >>> coverage.text()
    '1 rows; load -.-.-.-.-.-.-.-.-.1; inlet 22-24: 1; bands of load with enough rows: 0 of 10'
    """

    load: Counter[int] = field(default_factory=Counter)
    temp: Counter[int] = field(default_factory=Counter)
    rows: int = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Count rows."""
        for row in rows:
            self.rows += 1
            self.load[min(int(row.values["cpu_usage"] // BAND), 100 // BAND - 1)] += 1
            if "inlet_temp" in row.values:
                self.temp[int(row.values["inlet_temp"] // TEMP_BAND)] += 1

    @property
    def bands(self) -> int:
        """The number of bands of load with enough rows."""
        return sum(count >= LEAST_IN_BAND for count in self.load.values())

    def text(self) -> str:
        """Return the rows of each band of load, and of each band of temperature that occurred, in one line."""
        load = ".".join(str(self.load[band] or "-") for band in range(100 // BAND))
        temp = ", ".join(
            f"{TEMP_BAND * band}-{TEMP_BAND * (band + 1)}: {count}" for band, count in sorted(self.temp.items())
        )
        parts = [f"{self.rows:,} rows", f"load {load}", *([f"inlet {temp}"] if temp else [])]
        return "; ".join([*parts, f"bands of load with enough rows: {self.bands} of {100 // BAND}"])

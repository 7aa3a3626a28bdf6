"""What metrics and documents of standby are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from wao_fleet.standby.controller import StandbyController
from wao_fleet.standby.progress_book import ProgressBook
from wao_fleet.standby.sequences import Sequences


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts of the process; `saved_watts` and `measured_watts` return the saving of sleeping nodes by name [W]."""

    controller: StandbyController
    book: ProgressBook
    sequences: Sequences
    saved_watts: Callable[[Iterable[str]], Mapping[str, float]]
    leading: Callable[[], bool]
    measured_watts: Callable[[Iterable[str]], Mapping[str, float]] = lambda _: {}

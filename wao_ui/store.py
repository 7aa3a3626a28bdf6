"""The picture that all viewers share, the ring of totals, and what was drawn from the picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from wao_ui.history import History, Totals
from wao_ui.picture import Documents, Picture

T = TypeVar("T")
MOST_DRAWN = 500
"""Drawn parts that are kept: parts of pages of single nodes are many."""


class Store:
    """The current picture and the past totals.

    Parameters
    ----------
    length
        Number of totals that are kept.
    """

    def __init__(self, length: int) -> None:
        self.picture = Picture(version=0, at=0.0, totals=Totals(0.0), documents=Documents())
        self.history = History(length)
        self._drawn: dict[str, object] = {}

    @property
    def kept(self) -> int:
        """Number of drawn parts in memory."""
        return len(self._drawn)

    def put(self, picture: Picture) -> None:
        """Switch all viewers to a new picture."""
        self.picture = picture
        self.history.add(picture.totals)
        self._drawn = {}

    def drawn(self, key: str, draw: Callable[[], T]) -> T:
        """Return what was drawn from the present picture under a key; it is drawn once for all viewers."""
        if key not in self._drawn:
            if len(self._drawn) >= MOST_DRAWN:
                return draw()
            self._drawn[key] = draw()
        return cast(T, self._drawn[key])

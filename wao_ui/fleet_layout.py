"""Where each node is on the heat map: blocks of cells, one block for each group. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NO_GROUP = "no group"


@dataclass(frozen=True, slots=True)
class Block:
    """One group: its name, the column and the row of its title, its number of columns, and its number of nodes."""

    name: str
    column: int
    row: int
    columns: int
    nodes: int


@dataclass(frozen=True, slots=True)
class FleetLayout:
    """The place of each node, in the order of the names given, and of the blocks. The first row is at the top."""

    columns: int
    rows: int
    places: tuple[tuple[int, int], ...]
    blocks: tuple[Block, ...]


def fleet_layout(groups: Sequence[str], *, columns: int | None = None) -> FleetLayout:
    """Return the places of nodes on a grid, with blocks from left to right and from top to bottom.

    Parameters
    ----------
    groups
        Group of each node.
    columns
        Width of the grid in cells; default: more for more nodes.

    Examples
    --------
    >>> layout = fleet_layout(["a", "a", "b"], columns=8)
    >>> layout.places, [block.name for block in layout.blocks]
    (((0, 1), (1, 1), (3, 1)), ['a', 'b'])
    """
    if columns is None:
        columns = min(64, max(24, math.ceil(math.sqrt(3.0 * len(groups)))))
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group or NO_GROUP, []).append(index)
    names = sorted(members, key=_natural)
    if not names:
        return FleetLayout(columns, 1, (), ())
    width = _width(max(len(found) for found in members.values()), len(names), columns)
    places = [(0, 0)] * len(groups)
    blocks: list[Block] = []
    column = row = tallest = 0
    for name in names:
        size = len(members[name])
        wide = min(width, size)
        if column and column + wide > columns:
            column, row, tallest = 0, row + tallest + 2, 0
        blocks.append(Block(name, column, row, wide, size))
        for place, index in enumerate(members[name]):
            places[index] = (column + place % width, row + 1 + place // width)
        tallest = max(tallest, math.ceil(size / width))
        column += max(wide, _title_cells(name)) + 1
    used = max(block.column + max(block.columns, _title_cells(block.name)) for block in blocks)
    return FleetLayout(min(columns, used), row + tallest + 1, tuple(places), tuple(blocks))


def _width(largest: int, groups: int, columns: int) -> int:
    """Return the columns of a block: blocks are wider than high, and few groups fill the width."""
    natural = math.ceil(math.sqrt(2.0 * largest))
    if groups * (largest + 1) <= columns:
        return largest
    return max(1, min(columns, natural))


def _title_cells(name: str) -> int:
    """Return the cells that a title takes."""
    return math.ceil(len(name) / 4)


def _natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Return a key that sorts rack-2 before rack-10."""
    parts: list[tuple[int, int | str]] = []
    digits = text = ""
    for letter in name:
        if letter.isascii() and letter.isdigit():
            if text:
                parts.append((1, text))
                text = ""
            digits += letter
        else:
            if digits:
                parts.append((0, int(digits[:18])))
                digits = ""
            text += letter
    if digits:
        parts.append((0, int(digits[:18])))
    if text:
        parts.append((1, text))
    return tuple(parts)

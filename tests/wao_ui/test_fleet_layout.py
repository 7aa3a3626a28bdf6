"""Blocks of the heat map."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wao_ui.fleet_layout import NO_GROUP, fleet_layout


@given(st.lists(st.sampled_from(["", "rack-1", "rack-2", "rack-10", "a-group-with-a-long-name"]), max_size=300))
def test_each_node_has_a_place_of_its_own_within_the_grid(groups: list[str]) -> None:
    layout = fleet_layout(groups)
    assert len(set(layout.places)) == len(groups)
    assert all(0 <= column < layout.columns and 0 < row < layout.rows for column, row in layout.places)
    titles = {(block.column, block.row) for block in layout.blocks}
    assert not titles & set(layout.places)


def test_groups_are_in_natural_order() -> None:
    names = [block.name for block in fleet_layout(["rack-10", "rack-2", ""]).blocks]
    assert names == [NO_GROUP, "rack-2", "rack-10"]


def test_a_thousand_nodes_fit_on_a_screen() -> None:
    layout = fleet_layout([f"rack-{index // 40}" for index in range(1000)])
    assert layout.rows < 45

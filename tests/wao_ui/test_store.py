"""All viewers see one picture, and each part of it is drawn once."""

from __future__ import annotations

from tests.fakes.page import described, nodes_document, picture
from wao_ui.picture import Documents
from wao_ui.store import MOST_DRAWN, Store


def test_a_part_is_drawn_once_for_each_picture() -> None:
    store, drawn = Store(10), list[int]()

    def draw() -> int:
        drawn.append(1)
        return len(drawn)

    assert [store.drawn("tiles", draw) for _ in range(3)] == [1, 1, 1]
    store.put(picture(Documents(nodes=nodes_document(described("a")))))
    assert store.drawn("tiles", draw) == 2
    assert len(store.history) == 1


def test_drawn_parts_are_bounded_in_number() -> None:
    store = Store(10)
    for number in range(2 * MOST_DRAWN):
        assert store.drawn(f"node {number}", lambda: "html") == "html"
    assert store.kept == MOST_DRAWN

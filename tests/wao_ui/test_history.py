"""The ring of totals."""

from __future__ import annotations

from wao_ui.history import History, Totals


def test_the_ring_keeps_the_newest_points_only() -> None:
    history = History(3)
    for second in range(10):
        history.add(Totals(at=float(second)))
    assert [point.at for point in history.points(100)] == [7.0, 8.0, 9.0]


def test_the_newest_point_is_always_drawn() -> None:
    history = History(1000)
    for second in range(1000):
        history.add(Totals(at=float(second)))
    drawn = history.points(300)
    assert len(drawn) <= 300
    assert drawn[-1].at == 999.0


def test_an_empty_ring_has_no_points() -> None:
    assert list(History(5).points(10)) == []

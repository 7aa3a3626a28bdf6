"""A state that may be old is not acted on."""

from __future__ import annotations

from wao_fleet.freshness import STALE, doubt_about_state


def test_a_state_that_is_old_or_was_never_read_is_doubtful() -> None:
    assert doubt_about_state({"Node": 1.0, "Pod": STALE}) == ""
    assert "Pod objects are 121 s old" in doubt_about_state({"Node": 1.0, "Pod": 121.0})
    assert "Pod objects are not read yet" in doubt_about_state({"Pod": None})

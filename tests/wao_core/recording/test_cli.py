"""`wao record cluster` as a command."""

from __future__ import annotations

from pathlib import Path

from tests.wao_predict.cli.running import wao


def test_a_duration_without_a_unit_is_refused(tmp_path: Path) -> None:
    done = wao("record", "cluster", "--save", str(tmp_path / "log.csv"), "--duration", "soon")
    assert (done.code, done.out) == (1, "")
    assert "--duration 'soon': write a duration such as 90m" in done.err

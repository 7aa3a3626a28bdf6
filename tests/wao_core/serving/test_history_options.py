"""The options of a history of loads belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from wao_core.serving.history_options import HistoryOptions

URL, TOKEN = "https://prometheus.example.com", Path("token")


def test_a_server_is_the_source() -> None:
    options = HistoryOptions(floor_history=URL, floor_history_label="node", floor_history_token_file=TOKEN)
    source = options.source()
    assert options.problems() == []
    assert source is not None
    assert (source.url, source.label, source.token_file, source.query) == (URL, "node", TOKEN, None)


def test_without_a_server_there_is_no_history() -> None:
    assert HistoryOptions().source() is None
    assert HistoryOptions().problems() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (HistoryOptions(floor_history_query="up"), "--floor-history: give the URL of the server too"),
        (HistoryOptions(floor_history="prometheus:9090"), "--floor-history: "),
        (HistoryOptions(floor_history="https://user:secret-word@prometheus"), "remove the user and the password"),
        (HistoryOptions(floor_history="http://a", floor_history_token_file=TOKEN), "sent by https only"),
        (HistoryOptions(floor_history=URL, floor_history_label="a-b"), "label 'a-b'"),
    ],
)
def test_what_cannot_be_used_is_named_without_the_password(options: HistoryOptions, words: str) -> None:
    (problem,) = options.problems()
    assert words in problem
    assert "secret-word" not in problem

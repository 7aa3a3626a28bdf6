"""Errors in the form of an API server."""

from __future__ import annotations

import json

import pytest

from wao_core.serving.status import REASONS, StatusError, status_body


@pytest.mark.parametrize(("code", "reason"), [(404, "NotFound"), (403, "Forbidden"), (418, "")])
def test_an_error_is_a_status_with_its_reason(code: int, reason: str) -> None:
    body = StatusError(code, "no such metric").body()
    assert json.loads(body) == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "no such metric",
        "reason": reason,
        "code": code,
    }
    assert body.endswith(b"}\n")


@pytest.mark.parametrize(("details", "written"), [(None, False), ({}, True), ({"name": "x"}, True)])
def test_details_are_written_when_there_are_any_and_also_when_they_are_empty(
    details: dict[str, object] | None, written: bool
) -> None:
    found = json.loads(status_body(403, "x", details=details))
    assert ("details" in found) is written
    assert found.get("details") == details


def test_text_is_escaped() -> None:
    assert json.loads(status_body(400, 'a "quoted" \n line'))["message"] == 'a "quoted" \n line'


def test_the_reasons_are_those_of_error_codes() -> None:
    assert all(400 <= code < 600 and reason.isalpha() for code, reason in REASONS.items())

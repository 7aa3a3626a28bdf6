"""Every server with an OpenAPI document keeps to it: requests made from the document, valid and invalid ones."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from tests.fakes.servers import served

DESCRIBED = ("metrics-api", "scheduler", "lb")
load_all_checks()
TOO_STRICT: list[Any] = [CHECKS.get_one("positive_data_acceptance")]
"""The formats `quantity` and `duration` have no pattern, so text made from the document is usually refused."""


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", DESCRIBED)
def test_requests_made_from_the_document_are_answered_as_it_says(name: str, mode: GenerationMode) -> None:
    with served(name) as server:
        document = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
        operations = [found.ok() for found in document.get_all_operations() if isinstance(found, Ok)]
        assert operations
        for operation in operations:

            @settings(max_examples=15, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy(generation_mode=mode))
            def answered_as_described(case: Case[Any]) -> None:
                case.call_and_validate(timeout=20, excluded_checks=TOO_STRICT)

            with suppress(Unsatisfiable):  # nothing can be invalid in a request without parameters
                answered_as_described()
        assert server.errors == []

"""The mocked hardware of the demo."""

from __future__ import annotations

import pytest

from wao_demo.bmcs import EXAMPLES, FORMS, moving
from wao_predict.flow import run
from wao_predict.redfish.discovery import discover
from wao_predict.testing import MockTransport, load_documents, serve_documents


@pytest.mark.parametrize("kind", FORMS)
def test_the_mocked_resources_are_those_that_discovery_takes(kind: str) -> None:
    form = FORMS[kind]
    found = run(discover(), MockTransport(serve_documents(load_documents(EXAMPLES / form.file))))
    assert found.inlet is not None
    assert found.inlet.uri.rstrip("/") == form.inlet[0]
    assert (found.power is not None) is (form.power is not None)


def test_a_moving_value_stays_around_its_middle() -> None:
    value = moving(22.0, 0.8, 60.0, 0.25)
    assert all(21.2 <= value() <= 22.8 for _ in range(50))

"""The mocked hardware of the demo."""

from __future__ import annotations

import pytest

from wao_demo.bmcs import EXAMPLES, FORMS, moving
from wao_predict.connection import HttpOptions
from wao_predict.flow import arun, run
from wao_predict.redfish.discovery import discover
from wao_predict.redfish.mock import MockBmc
from wao_predict.testing import MockTransport, load_documents, serve_documents
from wao_predict.transport import AsyncHttpTransport


@pytest.mark.parametrize("kind", FORMS)
def test_the_mocked_resources_are_those_that_discovery_takes(kind: str) -> None:
    form = FORMS[kind]
    found = run(discover(), MockTransport(serve_documents(load_documents(EXAMPLES / form.file))))
    assert found.inlet is not None
    assert found.inlet.uri.rstrip("/") == form.inlet[0]
    assert (found.power is not None) is (form.power is not None)


@pytest.mark.parametrize("watts", [40.0, 900.0])
@pytest.mark.parametrize("kind", [kind for kind, form in FORMS.items() if form.power is not None])
async def test_a_mocked_power_is_read_whatever_the_captured_server_used(kind: str, watts: float) -> None:
    form = FORMS[kind]
    bmc = MockBmc(load_documents(EXAMPLES / form.file), inlet=form.inlet, power=form.power, watts=lambda: watts)
    await bmc.start()
    transport = AsyncHttpTransport(bmc.url, options=HttpOptions(timeout=30.0))
    try:
        found = await arun(discover(), transport)
    finally:
        await transport.close()
        await bmc.stop()
    assert found.power is not None
    assert found.power.value == watts


def test_a_moving_value_stays_around_its_middle() -> None:
    value = moving(22.0, 0.8, 60.0, 0.25)
    assert all(21.2 <= value() <= 22.8 for _ in range(50))

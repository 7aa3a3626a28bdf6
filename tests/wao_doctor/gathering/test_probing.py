"""Whether a server is ready: from here, or through the API server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from tests.fakes.certificates import SelfSigned
from tests.fakes.server_thread import listening
from tests.wao_core.kube.scripted import client_of
from wao_core.certificates.self_signed import bootstrap_certificate
from wao_doctor.facts import Missing, Probe
from wao_doctor.gathering.probing import probe, probe_through, reach, resolves

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
URL = "https://wao-scheduler.wao-system.svc/default"


async def ready(request: web.Request) -> web.StreamResponse:
    return web.Response(text="[+]tasks ok\nreadyz check passed\n")


async def not_ready(request: web.Request) -> web.StreamResponse:
    return web.Response(status=503, text="[+]tasks ok\n[-]curves failed: no curve\nreadyz check failed\n")


async def test_the_certificate_of_a_server_is_verified_by_the_name_that_is_expected(tmp_path: Path) -> None:
    certificate, key = bootstrap_certificate(tmp_path, ["wao-scheduler.wao-system.svc"])
    authorities = certificate.read_text()
    async with listening(ready, tls=SelfSigned(certificate, key).serving) as url:
        good = await probe(f"{url}/default", authorities, "wao-scheduler.wao-system.svc", 5.0)
        assert (good.url, good.status) == (f"{url}/readyz?verbose", 200)
        other = await probe(f"{url}/default", authorities, "wao-lb.wao-system.svc", 5.0)
        assert other.status is None
        assert "Hostname mismatch" in other.text
        untrusted = await probe(url, "", "wao-scheduler.wao-system.svc", 5.0)
        assert untrusted.status is None
        assert "certificate verify failed" in untrusted.text


async def test_failed_checks_of_the_server_are_shown() -> None:
    async with listening(not_ready) as url:
        assert await probe(url, "", "", 5.0) == Probe(f"{url}/readyz?verbose", 503, "curves failed: no curve")


async def test_a_server_that_does_not_listen_or_hangs_has_no_status() -> None:
    assert (await probe("http://127.0.0.1:1", "", "", 5.0)).status is None
    assert (await probe("https://127.0.0.1:99999999", "", "", 5.0)).status is None
    assert (await probe("https://127.0.0.1:1", "no PEM", "", 5.0)).status is None


async def test_only_names_that_have_an_address_here_resolve() -> None:
    assert await resolves("localhost")
    assert not await resolves("wao-scheduler.wao-system.svc.invalid")


async def test_a_service_is_reached_through_the_api_server_by_its_port_name() -> None:
    paths = []

    async def handle(request: web.Request) -> web.StreamResponse:
        paths.append(request.raw_path)
        return await ready(request)

    async with client_of(handle) as client:
        found = await probe_through(client, URL, 5.0)
    assert isinstance(found, Probe)
    assert found.status == 200
    assert paths == ["/api/v1/namespaces/wao-system/services/https:wao-scheduler:https/proxy/readyz?verbose="]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ('no endpoints available for service "wao-scheduler"', Probe),
        ("error trying to reach service: dial tcp 10.0.0.9:8443: i/o timeout", Missing),  # a NetworkPolicy?
    ],
)
async def test_no_answer_through_the_api_server_is_an_error_only_without_endpoints(message: str, kind: type) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "message": message}, status=503)

    async with client_of(handle) as client:
        assert isinstance(await probe_through(client, URL, 5.0), kind)
        assert isinstance(await probe_through(client, "https://10.0.0.300", 5.0), Missing)


async def silent(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


@pytest.mark.parametrize("server", [ready, not_ready], ids=["ready", "not-ready"])
async def test_a_server_that_answers_here_is_not_looked_for_elsewhere(server: Handler) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        raise AssertionError(request.path)

    async with client_of(handle) as client, listening(server) as url:
        found = await reach(client, url, "", "", 5.0)
        assert isinstance(found, Probe)
        assert found.status == (200 if server is ready else 503)
        refused = await reach(client, "http://127.0.0.1:1", "", "", 5.0)
        assert isinstance(refused, Probe)
        assert (refused.status, refused.silent) == (None, False)


async def test_a_silent_server_is_not_checked_rather_than_broken() -> None:
    async with client_of(ready) as client, listening(silent) as url:
        found = await reach(client, url, "", "", 0.2)
    assert isinstance(found, Missing)
    assert found.reason.startswith("not checked: no answer within 0.2 s from here, as behind a NetworkPolicy; ")
    assert "kubectl -n wao-system get pods" in found.remedy


async def test_a_name_without_an_address_is_reached_through_the_api_server() -> None:
    async with client_of(ready) as client:
        found = await reach(client, URL, "", "", 5.0)
    assert isinstance(found, Probe)
    assert found.status == 200

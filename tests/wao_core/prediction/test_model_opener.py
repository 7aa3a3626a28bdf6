"""Models as NodeConfigs name them: credentials, addresses and files, from the endpoint to the status."""

from __future__ import annotations

import base64
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from tests.fakes.certificates import self_signed_in
from tests.fakes.model_service import SYSTEMS, with_power_model
from wao_core.cluster.records import NodeConfig
from wao_core.cluster.source import Secret
from wao_core.collector.addresses import AddressRule
from wao_core.collector.endpoints import EndpointAccess, Endpoints
from wao_core.prediction.curve_book import CurveBook
from wao_core.prediction.model_inputs import Conditions
from wao_core.prediction.model_opener import model_endpoint, model_opener
from wao_predict.connection import TlsPolicy, base_of
from wao_predict.endpoint import Endpoint, Options
from wao_predict.model_files import ModelFiles
from wao_predict.models import model_path
from wao_predict.redfish.mock import MockBmc

BMC: dict[str, Mapping[str, object]] = {
    "/redfish/v1/": {"Systems": {"@odata.id": SYSTEMS}},
    SYSTEMS: {"Members": [{"@odata.id": f"{SYSTEMS}/1"}]},
    f"{SYSTEMS}/1": {"Id": "1"},
}


class Bench:
    """A curve book for one node, with a clock and one Secret."""

    def __init__(self, access: EndpointAccess | None = None) -> None:
        self.now, self.reads, self.password = 0.0, 0, b"old"
        self.endpoints = Endpoints(self.secret, access, clock=lambda: self.now)
        self.book = CurveBook(model_opener(self.endpoints), clock=lambda: self.now)

    async def secret(self, namespace: str, name: str) -> Secret | None:
        self.reads += 1
        return Secret({"username": b"u", "password": self.password}) if (namespace, name) == ("ns", "login") else None

    async def problem(self, endpoint: Endpoint, *, after: float = 0.0) -> str:
        self.now += after
        self.book.update({"n": Conditions(endpoint, 22.0, 5.0)})
        await self.book.settle(20.0)
        return self.book.problem(endpoint)

    async def close(self) -> None:
        await self.book.close()
        await self.endpoints.close()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.close()


@asynccontextmanager
async def serving(
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}/v2/models/m"
    finally:
        await runner.cleanup()


async def infer(request: web.BaseRequest) -> web.StreamResponse:
    rows = (await request.json())["inputs"][0]["shape"][0]
    output = {"name": "watts", "datatype": "FP64", "shape": [rows], "data": [100.0] * rows}
    return web.json_response({"outputs": [output]})


async def test_a_rotated_secret_of_an_endpoint_provider_is_read_again(bench: Bench) -> None:
    async with (
        serving(infer) as url,
        MockBmc(with_power_model(BMC, url=base_of(url)), credentials=("u", "new")) as bmc,
    ):
        endpoint = Endpoint("Redfish", bmc.url, "ns/login")
        assert "401" in await bench.problem(endpoint)
        bench.password = b"new"
        assert await bench.problem(endpoint, after=61.0) == ""
        assert bench.reads == 2


async def test_a_rotated_secret_of_a_model_server_is_used_without_an_error(bench: Bench) -> None:
    accepted = ["Basic dTpvbGQ="]  # u:old

    async def guarded(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Authorization") not in accepted:
            return web.Response(status=403)
        return await infer(request)

    async with serving(guarded) as url:
        endpoint = Endpoint("V2InferenceProtocol", url, "ns/login")
        assert await bench.problem(endpoint) == ""
        accepted[:], bench.password = ["Basic dTpuZXc="], b"new"  # u:new
        assert await bench.problem(endpoint, after=901.0) == ""
        assert bench.reads == 2


@pytest.mark.parametrize(
    ("secret", "password", "words"),
    [
        ("ns/login", b"\xff\xfe", "Secret ns/login: username and password must be UTF-8 text"),
        ("ns/other", b"p", "there is no Secret ns/other"),
    ],
)
async def test_a_secret_that_cannot_be_used_is_reported(bench: Bench, secret: str, password: bytes, words: str) -> None:
    bench.password = password
    assert words in await bench.problem(Endpoint("Redfish", "https://127.0.0.1:1", secret))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_model_is_held_to_the_rule_about_addresses(host: str) -> None:
    requests: list[str] = []

    async def count(request: web.BaseRequest) -> web.StreamResponse:
        requests.append(request.path)
        return web.Response()

    bench = Bench(EndpointAccess(rule=AddressRule.of(["10.1.0.0/16"])))
    async with serving(count) as url:
        for kind in ("V2InferenceProtocol", "Redfish"):
            endpoint = Endpoint(kind, url.replace("127.0.0.1", host), "ns/login")
            assert "allowed address" in await bench.problem(endpoint)
    await bench.close()
    assert (requests, bench.reads if host == "127.0.0.1" else 0) == ([], 0)


async def test_a_bmc_cannot_name_an_address_that_is_refused(bench: Bench) -> None:
    async with MockBmc(with_power_model(BMC, url="http://169.254.169.254/latest")) as bmc:
        assert "169.254.169.254 is not an allowed address" in await bench.problem(Endpoint("Redfish", bmc.url))


class Servers:
    """A BMC with the login u:bmc that names a model server with the login u:model; they can be the same server."""

    def __init__(self) -> None:
        self.authorized: list[str] = []

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        login = base64.b64decode(request.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        self.authorized.append(f"{login} {request.path}")
        if login != ("u:model" if request.path.startswith("/v2/") else "u:bmc"):
            return web.Response(status=401)
        if request.path.endswith("/infer"):
            return await infer(request)
        document = with_power_model(BMC, url=f"http://{request.host}").get(request.path)
        return web.Response(status=404) if document is None else web.json_response(document)


class TwoSecrets(Bench):
    """The Secrets of the BMC and of the model server."""

    async def secret(self, namespace: str, name: str) -> Secret | None:
        return Secret({"username": b"u", "password": name.encode()})


async def test_the_bmc_and_the_model_server_get_each_its_own_secret_even_on_one_host() -> None:
    servers, bench = Servers(), TwoSecrets()
    async with serving(servers.answer) as url:
        provider = Endpoint("Redfish", base_of(url), "ns/bmc", target=Endpoint("", secret="ns/model"))
        assert await bench.problem(provider) == ""
    await bench.close()
    model = "u:model /v2/models/PC-PowerEdgeR650xs-2CPU/versions/v0.1.0"
    assert set(servers.authorized) == {
        f"u:bmc {SYSTEMS}",
        f"u:bmc {SYSTEMS}/1/MachineLearningModel",
        model,
        f"{model}/infer",
    }


async def test_a_model_server_without_a_secret_gets_none() -> None:
    servers, bench = Servers(), TwoSecrets()
    async with serving(servers.answer) as url:
        assert "401" in await bench.problem(Endpoint("Redfish", base_of(url), "ns/bmc"))
    await bench.close()
    assert servers.authorized[-1].startswith(" /v2/")


async def test_the_annotation_of_a_secret_limits_the_model_servers_that_a_bmc_can_name() -> None:
    class Limited(TwoSecrets):
        async def secret(self, namespace: str, name: str) -> Secret | None:
            limits = {"waok8s.github.io/allowed-endpoints": "models.example"} if name == "model" else {}
            return Secret({"username": b"u", "password": name.encode()}, annotations=limits)

    servers, bench = Servers(), Limited()
    async with serving(servers.answer) as url:
        provider = Endpoint("Redfish", base_of(url), "ns/bmc", target=Endpoint("", secret="ns/model"))
        assert "Secret ns/model may not be sent to 127.0.0.1" in await bench.problem(provider)
    await bench.close()
    assert not any("/v2/" in request for request in servers.authorized)


async def test_bmc_and_model_server_have_each_their_own_tls(tmp_path: Path) -> None:
    """The fingerprint of the BMC is not that of the model server, and the other way round."""
    of_bmc, of_models = self_signed_in(tmp_path / "bmc"), self_signed_in(tmp_path / "models")
    bench = Bench()
    async with serving(infer, tls=of_models.serving) as models:
        bmc = MockBmc(with_power_model(BMC, url=base_of(models)))
        await bmc.start(tls=of_bmc.serving)
        provider = Endpoint("Redfish", bmc.url, tls=TlsPolicy(fingerprint=of_bmc.fingerprint))
        problem = await bench.problem(provider)
        pinned = replace(provider, target=Endpoint("", tls=TlsPolicy(fingerprint=of_models.fingerprint)))
        assert await bench.problem(pinned) == ""
        await bmc.stop()
    await bench.close()
    assert f"{base_of(models)}/v2/models" in problem
    assert f"its SHA-256 fingerprint is {of_models.fingerprint}" in problem


@pytest.mark.parametrize(("status", "words"), [(500, "answered 500"), (200, "is not a V2 infer response")])
async def test_the_answer_of_a_server_goes_to_the_log_and_not_to_the_status(
    bench: Bench, caplog: pytest.LogCaptureFixture, status: int, words: str
) -> None:
    async def leak(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="root:$6$topsecret", status=status)

    async with serving(leak) as url:
        problem = await bench.problem(Endpoint("V2InferenceProtocol", url))
    assert words in problem
    assert "topsecret" not in problem
    assert "topsecret" in caplog.text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    shutil.copy(model_path("edge_lenovo"), tmp_path / "models" / "mine.onnx")
    shutil.copy(model_path("edge_lenovo"), tmp_path / "outside.onnx")
    (tmp_path / "models" / "link.onnx").symlink_to(tmp_path / "outside.onnx")
    return tmp_path / "models"


async def test_a_model_file_is_a_shipped_one_or_below_the_folder(folder: Path) -> None:
    bench = Bench(EndpointAccess(model_files=ModelFiles(folder)))
    for source in ("edge_lenovo", "mine.onnx", str(folder / "mine.onnx"), "../models/mine.onnx"):
        assert await bench.problem(Endpoint("Onnx", source)) == ""
    await bench.close()


@pytest.mark.parametrize("files", ["none", "folder"])
async def test_what_files_there_are_elsewhere_cannot_be_found_out(folder: Path, files: str) -> None:
    bench = Bench(EndpointAccess(model_files=ModelFiles(folder if files == "folder" else None)))
    sources = [
        "/etc/passwd",
        "/etc/nothing",
        "../outside.onnx",
        "../nothing.onnx",
        "link.onnx",
        "/",
        "a\0b",
        "x" * 5000,
    ]
    for source in sources:
        problem = await bench.problem(Endpoint("Onnx", source))
        assert problem.startswith(f"model {source!r:.200} is not available: give a file below the folder")
    await bench.close()


FAKE, EMPTY = Endpoint("Fake", options=Options({"value": 5})), Endpoint("Onnx")
PROVIDER = Endpoint("Redfish", "https://bmc")


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, None),
        ({"power_consumption": FAKE}, FAKE),
        ({"power_consumption": FAKE, "endpoint_provider": PROVIDER}, PROVIDER),
        ({"power_consumption": EMPTY, "endpoint_provider": PROVIDER}, PROVIDER),
        ({"power_consumption": FAKE, "endpoint_provider": EMPTY}, FAKE),
        ({"power_consumption": EMPTY, "endpoint_provider": FAKE}, FAKE),
        ({"power_consumption": Endpoint("", "https://x")}, None),
    ],
)
def test_the_model_of_a_node_config(terms: Mapping[str, Endpoint], expected: Endpoint | None) -> None:
    assert model_endpoint(NodeConfig(name="n", namespace="ns", node_name="n", **terms)) == expected  # type: ignore[arg-type]

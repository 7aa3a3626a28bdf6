"""`wao read` against servers that listen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.bmc_trees import member, thermal
from tests.fakes.certificates import SelfSigned, self_signed_in
from tests.fakes.model_service import SYSTEMS, with_models
from tests.wao_predict.cli.running import Ran, wao
from tests.wao_predict.redfish.captures import documents
from wao_core.crds import models as crd
from wao_predict.testing import MockBmc, MockPressureApi

KEYS = ["inletTemp", "inletTempUri", "inletTempName", "powerWatts", "powerUri", "vendor", "model", "requests"]
REASONS = ["inletTempConfidence", "inletTempReason", "powerConfidence", "powerReason"]
STATE = ["systems", "reason", "provisional", "faults"]


async def run(*arguments: str, **options: object) -> Ran:
    return await asyncio.to_thread(wao, *arguments, **options)  # type: ignore[arg-type]


async def test_a_bmc_is_read_as_json() -> None:
    async with MockBmc(documents("dell-r750-idrac9-7.10")) as server:
        ran = await run("read", "redfish", server.url, "--output", "json")
        document = json.loads(ran.out)
        assert list(document) == [*KEYS, *REASONS, *STATE]
        assert document["inletTemp"] == 20
        assert document["inletTempUri"].endswith("/Sensors/SystemBoardInletTemp")
        assert document["requests"] == len(server.requests)
        assert document["vendor"] == "Dell Inc."


async def test_what_is_not_there_is_null() -> None:
    async with MockBmc(documents("openbmc-stock-no-sensor")) as server:
        document = json.loads((await run("read", "redfish", server.url, "-o", "json")).out)
    assert document["inletTemp"] is None
    assert document["inletTempUri"] is None
    assert document["powerWatts"] is None


async def test_the_system_is_chosen_where_a_bmc_has_several() -> None:
    paths = [f"/redfish/v1/{kind}/{name}" for kind in ("Systems", "Chassis") for name in ("Node0", "Node1")]
    held: dict[str, dict[str, Any]] = {path: {"Power": {"@odata.id": f"{path}/Power"}} for path in paths}
    held["/redfish/v1"] = {}
    for kind, members in (("Systems", paths[:2]), ("Chassis", paths[2:])):
        held[f"/redfish/v1/{kind}"] = {"Members": [{"@odata.id": path} for path in members]}
    for watts, path in enumerate(paths[2:], 300):
        held[f"{path}/Power"] = {"PowerControl": [{"Name": "System Power Control", "PowerConsumedWatts": watts}]}
    async with MockBmc(held) as server:
        several = json.loads((await run("read", "redfish", server.url, "-o", "json")).out)
        chosen = json.loads((await run("read", "redfish", server.url, "--system", "Node1", "-o", "json")).out)
    assert several["powerWatts"] is None
    assert several["systems"] == ["Node0", "Node1"]
    assert "Node0, Node1: set sensor.system (--system)" in several["reason"]
    assert chosen["powerWatts"] == 301


async def test_the_lower_confidence_of_supermicros_system_temp_is_shown() -> None:
    held = thermal(member("CPU Temp", 60, "CPU"), member("System Temp", 30))
    held[f"{SYSTEMS}/1"]["Manufacturer"] = "Supermicro"
    async with MockBmc(held) as server:
        document = json.loads((await run("read", "redfish", server.url, "-o", "json")).out)
        text = (await run("read", "redfish", server.url)).out
    assert (document["inletTemp"], document["inletTempConfidence"]) == (30, 0.55)
    assert "'System Temp' is on the board" in document["inletTempReason"]
    assert "55% (Supermicro's 'System Temp' is on the board" in text


@pytest.mark.parametrize("by", ["file", "variable"])
async def test_the_password_comes_from_a_file_or_the_environment(
    by: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("secret") / "password"
    secret.write_text("hunter2\n")
    how = ["--password-file", str(secret)] if by == "file" else []
    env = {} if by == "file" else {"WAO_PASSWORD": "hunter2"}
    async with MockBmc(documents("yadro-r120g2-openbmc"), credentials=("reader", "hunter2")) as server:
        ran = await run("read", "redfish", server.url, "--user", "reader", *how, env=env)
    assert ran.code == 0, ran.err
    assert "17.0" in ran.out
    assert "plain HTTP" in ran.err
    assert "hunter2" not in ran.out + ran.err


async def test_a_password_is_never_an_argument() -> None:
    assert (await run("read", "redfish", "https://127.0.0.1:1", "--password", "x")).code == 2


async def test_a_pressure_api_is_read() -> None:
    async with MockPressureApi(lambda name: 7.25) as server:
        ran = await run("read", "dpapi", server.url, "--node-name", "n1", "-o", "json")
        assert json.loads(ran.out)["deltaP"] == 7.25
        assert server.requests == ["GET /api/sensor/by_nodename/n1"]


async def test_a_model_endpoint_is_read() -> None:
    async with MockBmc(with_models(documents("dell-r750-idrac9-7.10"))) as server:
        document = json.loads((await run("read", "model-endpoint", server.url, "-o", "json")).out)
    assert document["endpoint"] == "http://10.0.0.20/v2/models/PC-PowerEdgeR650xs-2CPU/versions/v0.1.0/infer"


async def test_the_model_endpoint_of_one_system_is_read() -> None:
    paths = [f"{SYSTEMS}/{name}" for name in ("Node0", "Node1")]
    held: dict[str, dict[str, Any]] = {SYSTEMS: {"Members": [{"@odata.id": path} for path in paths]}}
    held |= {f"{path}/MachineLearningModel": {"Url": "https://m.example", "Name": path[-1]} for path in paths}
    async with MockBmc(held) as server:
        several = await run("read", "model-endpoint", server.url)
        ran = await run("read", "model-endpoint", server.url, "--system", "Node1", "-o", "json")
    assert "Node0, Node1 have different models: set sensor.system (--system)" in several.err
    assert json.loads(ran.out)["endpoint"] == "https://m.example/v2/models/1/infer"


async def test_a_server_that_is_away_is_reported_in_one_line() -> None:
    ran = await run("read", "redfish", "http://127.0.0.1:9")
    assert ran.code == 1
    assert len(ran.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("redfish", "https://127.0.0.1:9", "--password-file", "x"), "--password-file needs --user"),
        (("dpapi", "https://127.0.0.1:9", "--node-name", "a", "--sensor-id", "b"), "give one of --node-name"),
    ],
)
async def test_options_that_do_not_go_together_are_refused(arguments: tuple[str, ...], words: str) -> None:
    ran = await run("read", *arguments)
    assert ran.code == 2
    assert words in ran.err


async def test_a_bmc_without_a_model_is_reported() -> None:
    async with MockBmc({"/redfish/v1/Systems": {"Members": [{"@odata.id": "/redfish/v1/Systems/1"}]}}) as server:
        ran = await run("read", "model-endpoint", server.url)
    assert ran.code == 1
    assert "no System of this BMC has a MachineLearningModel (checked /redfish/v1/Systems/1)" in ran.err


@pytest.fixture
async def self_signed_bmc(tmp_path: Path) -> AsyncIterator[tuple[MockBmc, SelfSigned]]:
    """A BMC that requires a login, with a self-signed certificate, and that certificate."""
    certificate = self_signed_in(tmp_path)
    server = MockBmc(documents("yadro-r120g2-openbmc"), credentials=("reader", "hunter2"))
    await server.start(tls=certificate.serving)
    yield server, certificate
    await server.stop()


LOGIN = ("--user", "reader")
PASSWORD = {"WAO_PASSWORD": "hunter2"}


async def test_a_self_signed_certificate_is_refused_with_the_remedies(
    self_signed_bmc: tuple[MockBmc, SelfSigned],
) -> None:
    server, certificate = self_signed_bmc
    ran = await run("read", "redfish", server.url, *LOGIN, env=PASSWORD)
    assert ran.code == 1
    for remedy in ("tls.caBundle", "tls.fingerprint", "tls.insecureSkipVerify", "--trust-on-first-use"):
        assert remedy in ran.err
    assert certificate.fingerprint in ran.err
    assert server.requests == []


async def test_trust_on_first_use_prints_the_lines_that_accept_this_certificate_only(
    self_signed_bmc: tuple[MockBmc, SelfSigned],
) -> None:
    server, certificate = self_signed_bmc
    ran = await run("read", "redfish", server.url, *LOGIN, "--trust-on-first-use", env=PASSWORD)
    assert ran.code == 0, ran.err
    assert "is trusted without proof (self-signed certificate)" in ran.err
    assert certificate.fingerprint in ran.err
    pasted = yaml.safe_load(ran.out[ran.out.index("  tls:") :])
    assert pasted == {"tls": {"fingerprint": certificate.fingerprint}}
    assert crd.EndpointTerm.model_validate({"type": "Redfish", "endpoint": server.url, **pasted}).tls is not None
    as_json = await run("read", "redfish", server.url, *LOGIN, "--trust-on-first-use", "-o", "json", env=PASSWORD)
    document = json.loads(as_json.out)
    assert document["tls"] == pasted["tls"]
    assert document["inletTemp"] == 17.0


async def test_trust_on_first_use_of_a_certificate_that_can_be_verified_pins_nothing(
    self_signed_bmc: tuple[MockBmc, SelfSigned],
) -> None:
    server, certificate = self_signed_bmc
    authority = ("--ca-file", str(certificate.certificate))
    ran = await run("read", "redfish", server.url, *LOGIN, *authority, "--trust-on-first-use", env=PASSWORD)
    assert ran.code == 0, ran.err
    assert "--trust-on-first-use has no effect" in ran.err
    assert "fingerprint" not in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("https://127.0.0.1:9", "--insecure"), "remove --fingerprint and --insecure"),
        (("https://127.0.0.1:9", "--fingerprint", "ab" * 32), "remove --fingerprint and --insecure"),
        (("http://127.0.0.1:9",), "127.0.0.1 has no certificate"),
        (("https://127.0.0.1:9",), "cannot connect"),
    ],
)
async def test_trust_on_first_use_that_cannot_work_is_reported(arguments: tuple[str, ...], words: str) -> None:
    ran = await run("read", "redfish", *arguments, "--trust-on-first-use")
    assert ran.code != 0
    assert words in ran.err


async def test_a_wrong_password_costs_one_failed_login() -> None:
    async with MockBmc(documents("yadro-r120g2-openbmc"), credentials=("reader", "hunter2")) as server:
        ran = await run("read", "redfish", server.url, "--user", "reader", env={"WAO_PASSWORD": "wrong-secret"})
        assert (server.refusals, server.logins) == (1, 0)
    assert ran.code == 1
    assert "the BMC refused the credentials" in ran.err
    assert "wrong-secret" not in ran.err

"""BMCs through the collector's readers: one login for all metrics, one discovery, and limits with a text."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fakes.certificates import self_signed_in
from tests.wao_predict.redfish.captures import documents
from wao_core.cluster.source import Secret
from wao_core.collector.endpoints import EndpointAccess, connecting
from wao_core.collector.plan import SensorSpec, Target
from wao_core.collector.poller import Poller
from wao_core.collector.readers import SensorReaders
from wao_core.collector.status import metric_entries
from wao_core.collector.store import SampleStore
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError
from wao_predict.testing import MockBmc

METRICS = ("inlet_temp", "power_watts")
CAPTURE = "dell-r750-idrac9-6.00"


class Secrets:
    password = b"stale"

    async def secret(self, namespace: str, name: str) -> Secret | None:
        return Secret({"username": b"reader", "password": self.password})


def specs(url: str) -> list[SensorSpec]:
    return [SensorSpec(metric, Endpoint("Redfish", url, "wao/bmc"), 15.0) for metric in METRICS]


@pytest.mark.parametrize("basic", [True, False])
async def test_a_stale_password_costs_one_failed_login_for_all_metrics(basic: bool) -> None:
    async with (
        MockBmc(documents(CAPTURE), credentials=("reader", "new"), basic=basic) as bmc,
        connecting(Secrets().secret, EndpointAccess()) as endpoints,
    ):
        readers = [SensorReaders(endpoints).reader(spec) for spec in specs(bmc.url)]
        for _ in range(3):
            results = await asyncio.gather(*(reader.read() for reader in readers), return_exceptions=True)
            assert all(isinstance(result, RemoteError) and result.status_code == 401 for result in results)
        # without basic authentication, the first answer is a request for a session and not a failed login
        assert (bmc.refusals, bmc.logins) == ((1, 0) if basic else (2, 1))


async def test_the_metrics_of_a_bmc_share_one_discovery() -> None:
    secrets = Secrets()
    secrets.password = b"new"
    async with (
        MockBmc(documents(CAPTURE), credentials=("reader", "new")) as bmc,
        connecting(secrets.secret, EndpointAccess()) as endpoints,
    ):
        made = SensorReaders(endpoints)
        readers = [made.reader(spec) for spec in specs(bmc.url)]
        values = await asyncio.gather(*(reader.read() for reader in readers))
        assert [reading.unit for reading in values] == ["degC", "W"]
        repeated = [request for request in set(bmc.requests) if bmc.requests.count(request) > 1]
        assert len(repeated) <= 2  # the two resources that are polled


async def test_the_reason_for_a_self_signed_certificate_has_the_remedies_and_fits_into_a_status(tmp_path: Path) -> None:
    certificate, bmc, store = self_signed_in(tmp_path), MockBmc(documents(CAPTURE)), SampleStore()
    await bmc.start(tls=certificate.serving)
    async with connecting(Secrets().secret, EndpointAccess()) as endpoints:
        spec = SensorSpec("inlet_temp", Endpoint("Redfish", bmc.url), 15.0)
        target = frozenset({Target("n1", "inlet_temp")})
        reader = SensorReaders(endpoints).reader(spec)
        await Poller(spec, reader, store, targets=target, observe=lambda _: None).poll()
    await bmc.stop()
    (entry,) = metric_entries({"inlet_temp": store.get("n1", "inlet_temp")}, {})
    for remedy in ("tls.caBundle", "tls.fingerprint", "tls.insecureSkipVerify", certificate.fingerprint):
        assert remedy in str(entry["reason"])
    assert "value" not in entry

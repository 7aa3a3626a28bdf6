"""The guard over real TLS, as the aggregator and an attacker would connect."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.wao_core.serving.authority import Authority
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import SampleStore
from wao_core.serving.auth.authentication import Authenticator
from wao_core.serving.auth.authorization import AccessDecision, Attributes
from wao_core.serving.auth.guard import Guard
from wao_core.serving.auth.identity import User
from wao_core.serving.auth.trust import Trust, trust_of
from wao_core.serving.frame import ServerFrame
from wao_core.serving.server import Server
from wao_core.serving.tls import ServingTls
from wao_metrics_api.app import create_app
from wao_metrics_api.attributes import attributes_of
from wao_metrics_api.responses import send_status

ADMIN = {"X-Remote-User": "kubernetes-admin", "X-Remote-Group": "system:masters"}
PATH = "/apis/custom.metrics.k8s.io/v1beta2"


class Rbac:
    """Allows one user; keeps who asked."""

    def __init__(self) -> None:
        self.users: list[str] = []

    async def review_access(self, user: User, attributes: Attributes) -> AccessDecision:
        self.users.append(user.name)
        return AccessDecision(user.name == "alice", "no rule")


@dataclass
class Cluster:
    """A guarded server, the authorities of its cluster, and a folder of client certificates."""

    url: str
    folder: Path
    proxies: Authority
    clients: Authority
    tls: ServingTls
    rbac: Rbac
    trust: Trust = field(default_factory=Trust)

    def trust_in(self, proxies: Authority) -> None:
        self.trust = trust_of(
            {
                "client-ca-file": self.clients.pem,
                "requestheader-client-ca-file": proxies.pem,
                "requestheader-allowed-names": '["front-proxy-client"]',
            }
        )
        self.tls.set_client_authorities(self.trust.authorities)

    async def get(self, client: tuple[Path, Path] | None, headers: Mapping[str, str]) -> int:
        async with self.session(client) as session:
            return (await session.get(PATH, headers=dict(headers))).status_code

    def session(self, client: tuple[Path, Path] | None) -> httpx2.AsyncClient:
        context = ssl.create_default_context(cafile=str(self.folder / "tls.crt"))
        if client is not None:
            context.load_cert_chain(*client)
        return httpx2.AsyncClient(verify=context, trust_env=False, base_url=self.url)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    tls = ServingTls(tmp_path / "tls.crt", tmp_path / "tls.key", self_signed_hosts=[], client_certificates=True)
    made = Cluster("", tmp_path, Authority.new("proxies"), Authority.new("clients"), tls, Rbac())
    made.trust_in(made.proxies)
    app = create_app(ClusterState(), SampleStore(), ServerFrame("metrics-api"))
    authenticator = Authenticator(lambda: made.trust)
    guard = Guard(app, authenticator, made.rbac, attributes=attributes_of, refuse=send_status)
    async with Server(guard, tls=tls) as server:
        made.url = server.url
        yield made


async def test_who_gets_through(cluster: Cluster) -> None:
    folder, headers = cluster.folder, {"X-Remote-User": "alice"}
    proxy = cluster.proxies.issue(folder, "front-proxy-client")
    other = cluster.proxies.issue(folder, "other-proxy")
    forged = Authority.issue(cluster.clients, _sub(folder, "forged"), "front-proxy-client")
    alice = cluster.clients.issue(folder, "alice", groups=("dev",))
    assert await cluster.get(None, ADMIN) == 403  # the headers count for nothing
    assert await cluster.get(proxy, headers) == 200
    assert await cluster.get(proxy, ADMIN) == 200
    assert await cluster.get(proxy, {"X-Remote-User": "mallory"}) == 403
    assert await cluster.get(proxy, {}) == 401
    assert await cluster.get(other, ADMIN) == 401
    assert await cluster.get(forged, ADMIN) == 403  # a client of that name, not the proxy
    assert await cluster.get(alice, ADMIN) == 200
    assert await cluster.get(None, {"Authorization": "Bearer unknown"}) == 401
    assert cluster.rbac.users == ["system:anonymous", "alice", "mallory", "front-proxy-client", "alice"]


async def test_many_users_share_one_connection_of_the_proxy(cluster: Cluster) -> None:
    proxy = cluster.proxies.issue(cluster.folder, "front-proxy-client")
    async with cluster.session(proxy) as session:
        codes = [
            (await session.get(PATH, headers={"X-Remote-User": user})).status_code
            for user in ("alice", "mallory", "alice")
        ]
    assert codes == [200, 403, 200]


async def test_a_rotated_proxy_authority_counts_without_a_restart(cluster: Cluster) -> None:
    fresh = Authority.new("proxies-2")
    old = cluster.proxies.issue(cluster.folder, "front-proxy-client")
    new = fresh.issue(_sub(cluster.folder, "new"), "front-proxy-client")
    async with cluster.session(old) as open_before:
        assert (await open_before.get(PATH, headers=ADMIN)).status_code == 200
        cluster.trust_in(fresh)
        assert await cluster.get(new, ADMIN) == 200
        assert (await open_before.get(PATH, headers=ADMIN)).status_code == 401  # also on the open connection


async def test_a_removed_authority_is_refused_at_the_handshake(cluster: Cluster) -> None:
    old = cluster.proxies.issue(cluster.folder, "front-proxy-client")
    cluster.trust_in(Authority.new("proxies-2"))
    with pytest.raises((httpx2.TransportError, asyncio.TimeoutError)):
        await cluster.get(old, ADMIN)


def _sub(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name

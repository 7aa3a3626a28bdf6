"""Two servers behind one model: the endpoint provider, and the model server that it names."""

from __future__ import annotations

from wao_core.collector.endpoints import EndpointTransport
from wao_core.prediction.provider_transport import ProviderTransport
from wao_predict.flow import Request, Response


class Recorder(EndpointTransport):
    """A connection that records what it is used for."""

    def __init__(self, base: str) -> None:
        super().__init__(release=lambda: self.events.append("released"))
        self.base = base
        self.events: list[str] = []

    async def send(self, request: Request) -> Response:
        self.events.append(request.url)
        return Response(200, b"", {}, request.url)


class Bench:
    """A provider's transport, and the connections that it made."""

    def __init__(self) -> None:
        self.provider, self.servers = Recorder("https://bmc"), list[Recorder]()
        self.transport = ProviderTransport(self.provider, self.connect)

    def connect(self, base: str) -> EndpointTransport:
        self.servers.append(Recorder(base))
        return self.servers[-1]

    async def get(self, *urls: str) -> None:
        for url in urls:
            await self.transport.send(Request("GET", url))


async def test_paths_go_to_the_provider_and_urls_to_the_server_even_on_one_host() -> None:
    bench = Bench()
    await bench.get("/redfish/v1/Systems", "https://bmc/v2/models/m/infer", "/redfish/v1/Systems/1")
    assert bench.provider.events == ["/redfish/v1/Systems", "/redfish/v1/Systems/1"]
    assert [(server.base, server.events) for server in bench.servers] == [
        ("https://bmc:443", ["https://bmc/v2/models/m/infer"])
    ]


async def test_one_connection_serves_all_requests_to_a_server_until_another_one_is_named() -> None:
    bench = Bench()
    await bench.get("http://a/v2/models/m/infer", "http://a/v2/models/n/infer", "http://b/v2/models/m/infer")
    first, second = bench.servers
    assert first.events == ["http://a/v2/models/m/infer", "http://a/v2/models/n/infer", "released"]
    assert second.events == ["http://b/v2/models/m/infer"]


async def test_closing_returns_both_connections() -> None:
    bench = Bench()
    await bench.get("/redfish/v1", "http://a/v2/models/m/infer")
    await bench.transport.close()
    assert bench.provider.events[-1] == bench.servers[0].events[-1] == "released"


async def test_closing_before_any_request_returns_the_providers_connection() -> None:
    bench = Bench()
    await bench.transport.close()
    assert (bench.provider.events, bench.servers) == (["released"], [])

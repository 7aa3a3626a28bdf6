"""HAProxy's agent checks: percentages of the best endpoint, and draining."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.fakes.lb_cluster import EVERY, Cluster, part
from wao_core.cluster.records import Endpoint, Kind
from wao_lb.documents import ServiceWeights, WeightedEndpoint, WeightedPort
from wao_lb.outputs.haproxy import LONGEST_LINE, AgentCheckServer, read_request, reply
from wao_predict.errors import UsageError
from wao_predict.traffic.limits import Limits


def test_haproxy_gets_percentages_of_the_best_of_the_same_family() -> None:
    cluster = Cluster()
    six = Endpoint(addresses=("fd00::1",), node_name="a")
    cluster.state.put(Kind.ENDPOINT_SLICE, part("web-6", six, address_type="IPv6"))
    for number in (1, 2):
        cluster.load(number, 2.0)
    cluster.settle(usage=[2.5, 2.5])
    assert cluster.weights() == pytest.approx({"10.1.0.1": 70.0, "10.1.0.2": 30.0, "fd00::1": 100.0}, abs=1.0)
    for target in ("10.1.0.1:8080", "[fd00::1]:8080"):
        assert reply(f"default/web:http {target}", cluster.book) == b"ready up 100%\n"


async def test_haproxy_gets_percentages_of_the_best() -> None:
    cluster = Cluster(replace(EVERY, limits=Limits(floor=20.0)))
    cluster.settle()
    weights = cluster.book
    assert reply("default/web:http 10.1.0.1:8080\n", weights) == b"ready up 100%\n"
    assert reply("default/web:80 10.1.0.2:8080\n", weights).startswith(b"ready up ")
    for line in ("default/web:http 10.9.9.9:8080", "default/none:http 10.1.0.1:8080", "", "garbage"):
        assert reply(line, weights) == b"drain\n"
    async with AgentCheckServer(weights, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"default/web:http 10.1.0.1:8080\n")
        assert await reader.readline() == b"ready up 100%\n"
        writer.close()


def weights_of(*shares: float) -> dict[str, ServiceWeights]:
    endpoints = tuple(
        WeightedEndpoint(address=f"10.1.0.{number}", port=8080, weight=share) for number, share in enumerate(shares, 1)
    )
    port = WeightedPort(name="http", port=80, protocol="TCP", family="IPv4", endpoints=endpoints)
    return {"default/web": ServiceWeights(version="v", ports=(port,))}


@pytest.mark.parametrize(
    ("shares", "answers"),
    [
        ((75.0, 25.0), [b"ready up 100%\n", b"ready up 33%\n"]),
        ((99.9, 0.1), [b"ready up 100%\n", b"ready up 1%\n"]),
        ((100.0, 0.0), [b"ready up 100%\n", b"drain\n"]),
        ((0.0, 0.0), [b"drain\n", b"drain\n"]),
    ],
)
def test_an_endpoint_with_traffic_is_up_with_at_least_one_percent(
    shares: tuple[float, float], answers: list[bytes]
) -> None:
    weights = weights_of(*shares)
    assert [reply(f"default/web:http 10.1.0.{number}:8080", weights) for number in (1, 2)] == answers


@pytest.mark.parametrize("port", ["http", "80"])
def test_a_port_is_known_by_name_and_by_number(port: str) -> None:
    assert reply(f"default/web:{port} 10.1.0.1:8080", weights_of(100.0)) == b"ready up 100%\n"


async def answer_to(request: bytes, *, ready: bool = True) -> bytes:
    async with AgentCheckServer(weights_of(100.0), "127.0.0.1", 0, ready=lambda: ready) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request)
        found = await reader.read()
        writer.close()
    return found


async def test_until_the_weights_are_known_a_check_is_not_answered_so_that_haproxy_keeps_its_own() -> None:
    request = b"default/web:http 10.1.0.1:8080\n"
    assert await answer_to(request) == b"ready up 100%\n"
    assert await answer_to(request, ready=False) == b""


@pytest.mark.parametrize("request_", [b"x" * 10_000 + b"\n", b"\xff\xfe\n"])
async def test_a_request_that_is_too_long_or_no_text_harms_nobody(request_: bytes) -> None:
    assert await answer_to(request_) in (b"", b"drain\n")


def endpoint(address: str, weight: float, port: int = 8080) -> WeightedEndpoint:
    return WeightedEndpoint(address=address, port=port, weight=weight)


DUAL = {
    "default/web": ServiceWeights(
        version="1",
        families=("IPv4", "IPv6"),
        ports=(
            WeightedPort(
                name="http", port=80, protocol="TCP", family="IPv4",
                endpoints=(endpoint("10.1.0.1", 40.0), endpoint("10.1.0.2", 20.0), endpoint("10.1.0.3", 0.0)),
            ),
            WeightedPort(name="http", port=80, protocol="TCP", family="IPv6", endpoints=(endpoint("fd01::1", 25.0),)),
            WeightedPort(name="", port=53, protocol="UDP", family="IPv4", endpoints=(endpoint("10.1.0.1", 1.0, 53),)),
        ),
    )
}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("default/web:http 10.1.0.1:8080\n", b"ready up 100%\n"),
        ("default/web:80 10.1.0.2:8080", b"ready up 50%\n"),
        ("default/web:http 10.1.0.3:8080", b"drain\n"),
        ("default/web:http 010.1.0.2:8080", b"ready up 50%\n"),
        ("default/web:http ::ffff:10.1.0.2:8080", b"ready up 50%\n"),
        ("default/web:http [fd01::1]:8080", b"ready up 100%\n"),
        ("default/web:http FD01:0::1:8080", b"ready up 100%\n"),
        ("default/web:http:IPv6 [fd01::1]:8080", b"ready up 100%\n"),
        ("default/web:http:IPv4 [fd01::1]:8080", b"drain\n"),
        ("default/web:http 10.1.0.1:808", b"drain\n"),
        ("default/web:53/UDP 10.1.0.1:53", b"ready up 100%\n"),
        ("default/web:http", b"drain\n"),
        ("default/none:http 10.1.0.1:8080", b"drain\n"),
        ("", b"drain\n"),
    ],
)
def test_a_server_is_weighed_by_the_best_of_its_port_and_family(line: str, answer: bytes) -> None:
    assert answer == reply(line, DUAL)


def reader_of(data: bytes, *, end: bool = False) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    if end:
        reader.feed_eof()
    return reader


@pytest.mark.parametrize(
    ("text", "end", "request_"),
    [
        (b"default/web:http 10.1.0.1:8080\n", False, "default/web:http 10.1.0.1:8080"),
        (b"default/web:http 10.1.0.1:8080", False, "default/web:http 10.1.0.1:8080"),
        (b"default/web:http 10.1.0.1:8080", True, "default/web:http 10.1.0.1:8080"),
        (b"one\ntwo\n", False, "one"),
        (b"", True, ""),
        (b"\xff\n", False, "\ufffd"),
        (b"x" * 5000, False, "x" * LONGEST_LINE),
    ],
)
async def test_a_request_ends_with_a_newline_or_when_no_more_comes(text: bytes, end: bool, request_: str) -> None:
    assert request_ == await read_request(reader_of(text, end=end))


async def test_a_request_in_two_parts_is_one() -> None:
    reader = reader_of(b"default/web:http 10.1")
    reading = asyncio.ensure_future(read_request(reader))
    await asyncio.sleep(0)  # it waits for the rest
    reader.feed_data(b".0.1:8080\n")
    assert "default/web:http 10.1.0.1:8080" == await reading


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with AgentCheckServer(DUAL, "127.0.0.1", 0) as server:
        yield server.port


@pytest.mark.parametrize("newline", [b"\n", b""])
async def test_the_answer_comes_with_and_without_a_newline(port: int, newline: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"default/web:http 10.1.0.2:8080" + newline)
    assert b"ready up 50%\n" == await reader.read()
    writer.close()


async def test_a_port_that_is_in_use_is_refused_with_the_flag(port: int) -> None:
    with pytest.raises(UsageError, match=f"127.0.0.1 port {port}: .*; choose another --agent-check-port"):
        async with AgentCheckServer(DUAL, "127.0.0.1", port):
            pass

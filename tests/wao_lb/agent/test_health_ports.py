"""The servers on healthCheckNodePort."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging

import pytest

from tests.cluster.bed.program import free_port
from tests.waiting import until
from wao_lb.agent.health_ports import MAX_CONNECTIONS, RETRY_INTERVAL, HealthPorts, LocalEndpoints


async def ask(port: int) -> tuple[str, dict[str, str], dict[str, object]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n")
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    status, *lines = head.split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), json.loads(body)


async def test_a_node_with_endpoints_is_found_and_one_without_is_not() -> None:
    port, ports = free_port(), HealthPorts(lambda: True, host="127.0.0.1")
    assert {} == await ports.update({port: LocalEndpoints("default", "web", 2)})
    status, head, body = await ask(port)
    assert "HTTP/1.0 200 OK" == status
    assert "2" == head["X-Load-Balancing-Endpoint-Weight"]
    service = {"namespace": "default", "name": "web"}
    assert {"service": service, "localEndpoints": 2, "serviceProxyHealthy": True} == body
    await ports.update({port: LocalEndpoints("default", "web", 0)})
    status, head, body = await ask(port)
    assert "HTTP/1.0 503 Service Unavailable" == status
    assert "0" == head["X-Load-Balancing-Endpoint-Weight"]
    await ports.close()


async def test_an_agent_that_cannot_write_rules_takes_no_traffic() -> None:
    port, ports = free_port(), HealthPorts(lambda: False, host="127.0.0.1")
    await ports.update({port: LocalEndpoints("default", "web", 2)})
    assert "HTTP/1.0 503 Service Unavailable" == (await ask(port))[0]
    await ports.close()


async def test_a_port_that_is_taken_is_reported_and_others_are_served() -> None:
    taken, free = free_port(), free_port()
    first, ports = HealthPorts(lambda: True, host="127.0.0.1"), HealthPorts(lambda: True, host="127.0.0.1")
    await first.update({taken: LocalEndpoints("default", "web", 1)})
    failed = await ports.update({port: LocalEndpoints("default", "api", 1) for port in (taken, free)})
    assert [taken] == list(failed)
    assert "cannot be opened" in failed[taken]
    assert "HTTP/1.0 200 OK" == (await ask(free))[0]
    await first.close()
    await ports.close()


async def test_a_port_that_is_in_use_for_a_moment_is_opened_without_another_update(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """kube-proxy still uses it, for example, when the label of the Service has just changed."""
    caplog.set_level(logging.INFO)
    port = free_port()
    first = HealthPorts(lambda: True, host="127.0.0.1")
    ports = HealthPorts(lambda: True, host="127.0.0.1", retry_interval=0.01)
    await first.update({port: LocalEndpoints("kube", "proxy", 1)})
    retries = asyncio.create_task(ports.run())
    assert [port] == list(await ports.update({port: LocalEndpoints("default", "web", 1)}))
    await ports.update({port: LocalEndpoints("default", "web", 2)})
    await first.close()
    await until(lambda: f"healthCheckNodePort {port} is open now" in caplog.text)
    assert "2" == (await ask(port))[1]["X-Load-Balancing-Endpoint-Weight"]
    assert 1 == caplog.text.count("cannot be opened")
    retries.cancel()
    await ports.close()


def test_a_port_is_retried_within_ten_seconds() -> None:
    assert RETRY_INTERVAL < 10.0


async def test_a_port_that_is_no_longer_wanted_is_not_retried() -> None:
    port = free_port()
    first = HealthPorts(lambda: True, host="127.0.0.1")
    ports = HealthPorts(lambda: True, host="127.0.0.1", retry_interval=0.01)
    await first.update({port: LocalEndpoints("kube", "proxy", 1)})
    assert [port] == list(await ports.update({port: LocalEndpoints("default", "web", 1)}))
    assert {} == await ports.update({})
    await first.close()
    await _retries(ports)
    with pytest.raises(ConnectionRefusedError):
        await ask(port)


async def _retries(ports: HealthPorts) -> None:
    """Let `run` go through several attempts."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await ports.run()


async def test_silent_connections_do_not_keep_load_balancers_out() -> None:
    port, ports = free_port(), HealthPorts(lambda: True, host="127.0.0.1")
    await ports.update({port: LocalEndpoints("default", "web", 2)})
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS + 10)]
    assert "HTTP/1.0 200 OK" == (await ask(port))[0]
    for _, writer in silent:
        writer.close()
    await ports.close()

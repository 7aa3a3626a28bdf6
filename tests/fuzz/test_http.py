"""Whatever is sent to a server, it answers in HTTP, without an internal error, and goes on serving."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fakes.servers import APPS, Served, served
from tests.fuzz.json_texts import TEXTS

PATHS = {
    "controller": (),
    "metrics-api": (
        *("/version", "/debug/nodes/n1", "/v1/sensors", "/apis", "/openapi/v2", "/openapi/v3", "/openapi.json"),
        "/apis/custom.metrics.k8s.io/v1beta2/nodes/*/inlet_temp",
        "/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/nodes/n1/delta_p",
    ),
    "scheduler": ("/filter", "/prioritize", "/default/prioritize", "/v1/decisions", "/v1/what-if", "/openapi.json"),
    "lb": ("/v1/weights", "/v1/weights/default/web", "/v3/discovery:endpoints", "/openapi.json"),
    "lb-agent": (),
    "rebalance": ("/v1/plan", "/v1/evictions", "/openapi.json"),
    "standby": ("/v1/standby", "/openapi.json"),
}
COMMON = ("/healthz", "/livez", "/readyz", "/metrics", "/nowhere", "/", "*", "")
QUERIES = (
    *("verbose", "exclude=ping", "wait=1h", "wait=-1s", "wait=1.1.1s", "pod=default/p", "limit=0", "limit=99999999999"),
    *("failing=true", "failing=perhaps"),
    *("labelSelector=a in (b,c)", "metricLabelSelector=!a", "labelSelector==", "fieldSelector=x", "a=%ff", "%00", ";"),
)
METHODS = "GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT PRI get".split()
HEADERS = (
    *("Accept: application/yaml", "Accept: */*;q=2", "If-None-Match: x", 'If-None-Match: W/"a', "Expect: 100-continue"),
    *(
        "Authorization: Bearer x",
        "X-Remote-User: admin",
        "Connection: upgrade",
        "Upgrade: websocket",
        "Range: bytes=0-",
    ),
    *("Transfer-Encoding: chunked", "Content-Type: text/plain", "Content-Encoding: gzip", "X-Forwarded-For: \u00e9"),
    *("Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999", "Host: [::1", "Cookie: \t"),
)
POD = {"metadata": {"name": "p"}}
BODIES = TEXTS | st.sampled_from(
    [
        b'{"Pod":{"metadata":{"name":"p","uid":"uid-p","namespace":"default"}},"NodeNames":["a","b"]}',
        b'{"Pod":{"metadata":{"name":"\\ud800"}},"NodeNames":["\\udfff"]}',
        b'{"cpu":"1","count":3}',
        b'{"cpu":"1e999","nodes":["\\ud800"]}',
        b'{"resource_names":["default/web:http","\\u0000"],"version_info":"1"}',
        b"5\r\nabcde\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\n",
    ]
)


@pytest.fixture(scope="module", params=APPS)
def target(request: pytest.FixtureRequest) -> Iterator[tuple[Served, tuple[str, ...]]]:
    with served(request.param) as server:
        yield server, (*PATHS[request.param], *COMMON)


def head_of(draw: st.DataObject, paths: tuple[str, ...]) -> str:
    """Return a request line and headers, near the valid ones."""
    path = draw.draw(st.sampled_from(paths))
    if draw.draw(st.booleans()):  # another segment, also one that is encoded in an unusual way
        segment = draw.draw(st.text(max_size=12) | st.sampled_from(["..", "//", "%2e%2e", "%2F", "%zz", "%ff", "\x00"]))
        at = draw.draw(st.integers(0, path.count("/")))
        parts = path.split("/")
        parts[at:at] = [segment if "%" in segment else quote(segment, safe="/")]
        path = "/".join(parts)
    query = draw.draw(st.just("") | st.sampled_from(QUERIES) | st.text(max_size=20).map(quote))
    method = draw.draw(st.sampled_from(METHODS))
    headers = draw.draw(st.lists(st.sampled_from(HEADERS), max_size=3))
    lines = [f"{method} {path}{'?' + query.replace(' ', '%20') if query else ''} HTTP/1.1", "Host: x", *headers]
    return "\r\n".join(lines)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(data=st.data(), body=BODIES, stated=st.booleans())
def test_a_request_near_a_valid_one_is_answered_without_an_internal_error(
    target: tuple[Served, tuple[str, ...]], data: st.DataObject, body: bytes, stated: bool
) -> None:
    server, paths = target
    head = head_of(data, paths)
    length = f"\r\nContent-Length: {len(body)}" if stated else ""
    answer = server.exchange(f"{head}{length}\r\nConnection: close\r\n\r\n".encode() + body)
    check(server, answer, health=any(f"/{name}" in head for name in ("healthz", "livez", "readyz")))


PARTS = b"GET |/| HTTP/1.1| HTTP/9.9|\r\n|\n|Host: x|:| |\x00|\xff|POST |0\r\n|chunked|Content-Length: 3".split(b"|")
NOT_HTTP = st.binary(max_size=200) | st.lists(st.sampled_from(PARTS), max_size=20).map(b"".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(request=NOT_HTTP)
@example(b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n")
@example(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
@example(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
def test_bytes_that_are_not_http_are_answered_in_http_or_not_at_all(
    target: tuple[Served, tuple[str, ...]], request: bytes
) -> None:
    check(target[0], target[0].exchange(request), health=True)


def check(server: Served, answer: bytes, *, health: bool) -> None:
    assert answer == b"" or answer.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), answer[:100]
    assert health or not answer.startswith(b"HTTP/1.1 500"), answer[:500]
    assert server.errors == []
    assert server.exchange(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 ")


def series(server: Served) -> int:
    answer = server.exchange(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return answer.count(b"\n")


def test_no_request_adds_series_without_bound(target: tuple[Served, tuple[str, ...]]) -> None:
    server, paths = target

    def invent(first: int, number: int) -> None:
        for row in range(first, first + number):
            for path in (*paths, "/apis/custom.metrics.k8s.io/v1beta2/nodes/*/"):
                for method in ("GET", "POST"):
                    invented = f"{path.rstrip('/')}/invented-{row}?x={row}"
                    server.exchange(f"{method} {invented} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

    invent(0, 3)
    before = series(server)
    invent(3, 10)
    assert series(server) == before

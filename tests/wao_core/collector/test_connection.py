"""One connection to a BMC: answers in every form and in any pieces, and whatever is no answer ends it."""

import asyncio
import gzip
import itertools
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wao_core.collector.connection import MAX_HEADERS, Answer, Broken, HttpConnection, TooLarge, connect

GET = b"GET / HTTP/1.1\r\nHost: bmc\r\n\r\n"
MOST = 1000
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n[22.5]"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[22\r\n3;x=y\r\n.5]\r\n0\r\nTrailer: t\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\n\r\n[22.5]"
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + PLAIN


class Wire:
    """The transport below a connection: what was written, and how it was ended."""

    def __init__(self) -> None:
        self.sent = b""
        self.ended = ""

    def write(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"


def made() -> tuple[HttpConnection, Wire]:
    connection, wire = HttpConnection(), Wire()
    connection.connection_made(wire)  # type: ignore[arg-type]
    return connection, wire


async def exchanged(pieces: Sequence[bytes], *, ends: bool = False, most: int = MOST) -> tuple[Answer, HttpConnection]:
    """Return what comes of one request when these pieces arrive, and then, if it `ends`, the end of the connection."""
    connection, wire = made()
    task = asyncio.create_task(connection.exchange(GET, most))
    await asyncio.sleep(0)
    assert wire.sent == GET
    for piece in pieces:
        if not task.done():
            connection.data_received(piece)
    if ends:
        connection.connection_lost(None)
    async with asyncio.timeout(5):
        return await task, connection


def encoded(body: bytes, encoding: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("sent", "ends"),
    [(PLAIN, False), (CHUNKED, False), (UNTIL_CLOSED, True), (CONTINUED, False)],
    ids=["length", "chunked", "until-closed", "continue"],
)
@settings(max_examples=60, deadline=None)
@given(cuts=st.sets(st.integers(1, 200)))
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(sent: bytes, ends: bool, cuts: set[int]) -> None:
    at = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    pieces = [sent[low:high] for low, high in itertools.pairwise(at)]
    answer, connection = asyncio.run(exchanged(pieces, ends=ends))
    assert (answer.status, answer.body) == (200, b"[22.5]")
    assert connection.usable is not ends


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(st.binary(min_size=1, max_size=60), max_size=8), cuts=st.sets(st.integers(1, 600), max_size=12))
def test_chunks_are_put_together_again(parts: list[bytes], cuts: set[int]) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    at = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    pieces = [sent[low:high] for low, high in itertools.pairwise(at)]
    answer, connection = asyncio.run(exchanged(pieces))
    assert answer.body == b"".join(parts)
    assert connection.usable


async def test_header_names_are_in_lower_case() -> None:
    answer, _ = await exchanged([b"HTTP/1.1 204 No Content\r\nX-Auth-TOKEN: Abc\r\nLocation: /x\r\n\r\n"])
    assert (answer.status, answer.headers) == (204, {"x-auth-token": "Abc", "location": "/x"})


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\n[22.5]",
        b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n[22.5]",
    ],
    ids=["close", "http-1.0"],
)
async def test_a_bmc_that_says_it_will_close_is_not_asked_again_on_this_connection(sent: bytes) -> None:
    answer, connection = await exchanged([sent])
    assert answer.body == b"[22.5]"
    assert not connection.usable


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "deflate"])
async def test_an_answer_that_is_compressed_unasked_is_read(encoding: str) -> None:
    body = b"[22.5]" * 100
    packed = zlib.compress(body) if encoding == "deflate" else gzip.compress(body)
    answer, _ = await exchanged([encoded(packed, encoding)])
    assert answer.body == body


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "body is larger than 1000"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001, "body is larger than 1000"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001, "body is larger than 1000"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEADERS + b"\r\n\r\n", "headers of more than"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * MAX_HEADERS, "headers of more than"),
        (encoded(gzip.compress(b"\0" * 10_000_000, mtime=0)[:900], "gzip"), "body is larger than 1000"),
    ],
    ids=["announced", "chunked", "until-closed", "header", "headers", "gzip-bomb"],
)
async def test_what_is_larger_than_allowed_is_refused_at_once(sent: bytes, message: str) -> None:
    with pytest.raises(TooLarge, match=message):
        await exchanged([sent])


async def test_a_line_without_an_end_is_refused() -> None:
    """Neither a status line, nor a header's name or value, nor the length of a chunk may grow for ever."""
    for begun in (b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nX-", b"HTTP/1.1 200 OK\r\nX: "):
        with pytest.raises(TooLarge, match="not complete"):
            await exchanged([begun, *[b"x" * 4096] * 1000])
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for begun in (chunked + b"1;", chunked + b"0\r\nX: "):
        with pytest.raises(TooLarge, match="not complete"):
            await exchanged([begun, *[b"x" * 4096] * 1000])


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nsurplus",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Length: 7\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        encoded(b"no gzip", "gzip"),
        encoded(gzip.compress(b"[22.5]", mtime=0)[:-9], "gzip"),
    ],
    ids=["ssh", "tls", "status", "upgrade", "length", "lengths", "chunk", "header", "gzip", "half a gzip"],
)
async def test_what_is_no_answer_ends_the_connection(sent: bytes) -> None:
    with pytest.raises(Broken):
        await exchanged([sent])


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(st.binary(max_size=80), max_size=6), head=st.sampled_from([b"", PLAIN[:40], CHUNKED[:60]]))
def test_no_bytes_at_all_break_more_than_the_connection(pieces: list[bytes], head: bytes) -> None:
    try:
        answer, _ = asyncio.run(exchanged([head, *pieces], ends=True))
    except (Broken, TooLarge):
        return
    assert answer.status >= 200


@pytest.mark.parametrize("sent", [b"", PLAIN[:20], PLAIN[:-1], CHUNKED[:-9]], ids=["nothing", "head", "body", "chunk"])
async def test_an_answer_that_is_cut_off_is_no_answer(sent: bytes) -> None:
    with pytest.raises(Broken, match="closed before the response"):
        await exchanged([sent] if sent else [], ends=True)


async def test_the_error_says_whether_an_answer_had_begun() -> None:
    """A request is repeated only if nothing of its answer had come."""
    for sent, begun in ((b"", False), (PLAIN[:-1], True)):
        connection, _ = made()
        task = asyncio.create_task(connection.exchange(GET, MOST))
        await asyncio.sleep(0)
        if sent:
            connection.data_received(sent)
        connection.connection_lost(ConnectionResetError("reset by peer"))
        with pytest.raises(Broken, match="reset by peer"):
            await task
        assert connection.begun is begun


@pytest.mark.parametrize("when", ["idle", "behind", "begun"])
async def test_data_that_nobody_asked_for_ends_the_connection(when: str) -> None:
    """Were it kept, it would be taken for the answer to the next request."""
    connection, wire = made()
    task = asyncio.create_task(connection.exchange(GET, MOST))
    await asyncio.sleep(0)
    behind = {"idle": b"", "behind": PLAIN.replace(b"Content-Type", b"X-Second"), "begun": b"HTT"}[when]
    connection.data_received(PLAIN + behind)
    answer = await task
    assert (answer.body, list(answer.headers)) == (b"[22.5]", ["content-type", "content-length"])
    if when == "idle":
        connection.data_received(PLAIN)
    assert not connection.usable
    assert wire.ended == "aborted"


async def test_a_request_that_is_given_up_ends_the_connection() -> None:
    connection, wire = made()
    task = asyncio.create_task(connection.exchange(GET, MOST))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (wire.ended, connection.usable) == ("aborted", False)
    connection.data_received(PLAIN)  # the late answer goes nowhere


async def test_a_closed_connection_is_reported() -> None:
    connection, wire = made()
    connection.close()
    assert (wire.ended, connection.usable) == ("closed", False)
    connection.connection_lost(None)
    with pytest.raises(Broken, match="is closed"):
        await connection.exchange(GET, MOST)


async def test_many_requests_use_one_connection() -> None:
    connections, ended = 0, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.read(len(GET)):
            writer.write(PLAIN)
        writer.close()
        await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        connection = await connect("127.0.0.1", server.sockets[0].getsockname()[1], tls=None, name="bmc")
        for _ in range(5):
            assert (await connection.exchange(GET, MOST)).body == b"[22.5]"
            assert connection.idle_since > 0.0
        connection.close()
        async with asyncio.timeout(5):
            await ended.wait()
    assert connections == 1

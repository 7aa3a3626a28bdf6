"""The demo as a process: what it shows, that what it prints works, and that what it starts ends with it."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.wao_predict.cli.running import wao
from wao_demo.apps import App
from wao_demo.run import answer_of

STEPS = (
    "1  48 servers of four real types",
    "2  Metrics collected from the BMCs",
    "3  One pod of 2 cores",
    "4  Weights of the Service default/shop",
    "5  200 pods of 2 cores on this fleet, by four policies",
    "6  Everything keeps running",
)


@pytest.mark.timeout(240)
def test_the_demo_runs_the_main_job_serves_what_it_prints_and_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-u", "-m", "wao_predict.cli", "demo", "--serve"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert demo.stdout is not None
    shown = []
    for line in demo.stdout:
        shown.append(line)
        if "curl --cacert" in line:
            break
    text = "".join(shown)
    try:
        assert all(f"\n{step}" in text for step in STEPS)
        assert len(re.findall(r"^ +cloud-dell-\d+ .* °C +\d+\.\d Pa +\d+\.\d W", text, re.MULTILINE)) == 2
        assert re.search(r"lookahead \(WAO\) .* 2\d\.\d %", text)
        assert "rule lookahead" in text
        for command in re.findall(r"^ +wao ((?:explain|what-if) .*)$", text, re.MULTILINE):
            ran = wao(*shlex.split(command))
            assert (ran.code, ran.err) == (0, "")
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=60)
    assert demo.returncode == 143
    assert list(tmp_path.glob("wao-demo-*")) == []
    for url in re.findall(r"^ +wao [a-z-]+ +(https://\S+)", text, re.MULTILINE):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) != 0


async def test_a_request_that_an_app_leaves_unanswered_is_sent_again(tmp_path: Path) -> None:
    answers = iter([b""] * 4 + [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(answers))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        app = App("scheduler", f"http://127.0.0.1:{port}", tmp_path / "ca.crt", tmp_path / "log")
        assert await answer_of(app, "/v1/decisions?pod=d%2Fp") == {}
    assert list(answers) == []

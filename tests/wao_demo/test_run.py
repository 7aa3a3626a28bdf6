"""The demo as a process: what it starts ends with it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit


def test_a_demo_that_is_terminated_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-u", "-m", "wao_predict.cli", "demo", "--serve"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert demo.stdout is not None
    urls = []
    for line in demo.stdout:
        urls += re.findall(r"^ +wao [a-z-]+ +(https://\S+)", line)
        if len(urls) == 3:
            break
    demo.send_signal(signal.SIGTERM)
    demo.communicate(timeout=60)
    assert demo.returncode == 143
    assert list(tmp_path.glob("wao-demo-*")) == []
    for url in urls:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) != 0

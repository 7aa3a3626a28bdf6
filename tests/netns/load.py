"""A client: makes connections to one address and port and tells who answered, as JSON."""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import struct
import sys
import threading
import time
from collections import Counter

RESET = struct.pack("ii", 1, 0)  # close by reset: no TIME_WAIT, so the same ports can be used again at once


def ask(target: str, port: int, *, protocol: str, timeout: float) -> str:
    """Return the pod's answer, or the name of the error."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, kind) as made:
        made.settimeout(timeout)
        try:
            made.connect((target, port))
            if protocol == "tcp":
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            else:
                made.send(b"who")
            return made.recv(200).decode().strip() or "nothing"
        except OSError as error:
            return type(error).__name__


def ending() -> threading.Event:
    """Return what is set when standard input ends."""
    ended = threading.Event()

    def watch() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    return ended


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("port", type=int)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--protocol", default="tcp")
    parser.add_argument("--timeout", type=float, default=3.0)
    parser.add_argument("--hold", action="store_true", help="go on after COUNT until standard input ends")
    given = parser.parse_args()
    ended = ending() if given.hold else None
    answers: Counter[str] = Counter()
    times: list[float] = []
    while answers.total() < given.count or not (ended is None or ended.is_set()):
        started = time.monotonic()
        answers[ask(given.target, given.port, protocol=given.protocol, timeout=given.timeout)] += 1
        times.append(time.monotonic() - started)
    pods: Counter[str] = Counter()
    for answer, count in answers.items():
        pods[answer.split()[0]] += count
    sources = sorted({answer.split()[1] for answer in answers if " " in answer})
    print(json.dumps({"pods": pods, "sources": sources, "longest": max(times), "median": statistics.median(times)}))


if __name__ == "__main__":
    main()

"""A client that keeps one UDP socket: tells who answers first, and who answers after that one does not any more."""

from __future__ import annotations

import socket
import sys
import time


def main(target: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.settimeout(0.1)
        made.connect((target, port))
        last, deadline = "", time.monotonic() + 30.0
        while time.monotonic() < deadline:
            try:
                made.send(b"who")
                said = made.recv(200).decode().split()[0]
            except OSError as error:
                said = "nobody" if isinstance(error, TimeoutError) else type(error).__name__
            if said != last:
                print(said, flush=True)
                last = said
            time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

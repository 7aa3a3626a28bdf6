"""A pod: answers each connection and each datagram on port 8080 with its name and the address that it sees."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading


def tcp(name: str) -> None:
    listening = socket.create_server(("::", 8080), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
    while True:
        connection, peer = listening.accept()
        with contextlib.suppress(OSError), connection:
            connection.sendall(f"{name} {peer[0].removeprefix('::ffff:')}\n".encode())


def udp(name: str) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as bound:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(("::", 8080))
        while True:
            _, peer = bound.recvfrom(2048)
            bound.sendto(f"{name} {peer[0].removeprefix('::ffff:')}".encode(), peer)


if __name__ == "__main__":
    for work in (tcp, udp):
        threading.Thread(target=work, args=(sys.argv[1],)).start()
    print("ready", flush=True)

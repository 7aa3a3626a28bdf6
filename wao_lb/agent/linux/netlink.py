"""Netlink messages and their socket: the part of libmnl that the agent needs. Encoding does no I/O.

Layout: linux/netlink.h and linux/netfilter/nfnetlink.h. Headers are in host byte order, values in network byte order.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NETLINK_NETFILTER = 12
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_ROOT, NLM_F_MATCH = 0x1, 0x4, 0x10, 0x100, 0x200
NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF
BATCH_BEGIN, BATCH_END = 0x10, 0x11
HEADER = struct.Struct("=IHHII")
ATTRIBUTE = struct.Struct("=HH")
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
BUFFER = 4 * 1024 * 1024
LONGEST_ATTRIBUTE = 0xFFFF


class NetlinkError(OSError):
    """The kernel refused a message, or sending failed; see `errno`."""


def netlink_error(code: int, action: str) -> NetlinkError:
    """Return the error for an error number, with a hint if a capability is missing."""
    hint = "; CAP_NET_ADMIN is needed" if code in (errno.EPERM, errno.EACCES) else ""
    return NetlinkError(code, f"cannot {action}: {os.strerror(code)}{hint}")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: type, flags, and the body after its header."""

    type: int
    flags: int
    body: bytes

    def encode(self, sequence: int) -> bytes:
        """Return the bytes, padded."""
        length = HEADER.size + len(self.body)
        return HEADER.pack(length, self.type, self.flags, sequence, 0) + self.body + b"\0" * (-length % 4)


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute, padded."""
    length = ATTRIBUTE.size + len(value)
    if length > LONGEST_ATTRIBUTE:
        raise ValueError(f"a netlink attribute of {length} bytes is too long")
    return ATTRIBUTE.pack(length, kind) + value + b"\0" * (-length % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """Return an attribute of attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(parts))


def text(kind: int, value: str) -> bytes:
    """Return a string attribute."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """Return an attribute of 32 bits."""
    return attribute(kind, struct.pack(">i" if value < 0 else ">I", value))


def netfilter(subsystem: int, kind: int, family: int, *attributes: bytes, flags: int = 0) -> Message:
    """Return a message of a netfilter subsystem."""
    head = struct.pack(">BBH", family, 0, 0)
    return Message(subsystem << 8 | kind, NLM_F_REQUEST | flags, head + b"".join(attributes))


def batch(subsystem: int, messages: Sequence[Message]) -> list[Message]:
    """Return messages as one transaction, which takes effect as a whole or not at all."""
    head = struct.pack(">BBH", 0, 0, subsystem)
    return [Message(BATCH_BEGIN, NLM_F_REQUEST, head), *messages, Message(BATCH_END, NLM_F_REQUEST, head)]


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (kind, value) of the attributes in `data`, without incomplete ones."""
    offset = 0
    while offset + ATTRIBUTE.size <= len(data):
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if length < ATTRIBUTE.size or offset + length > len(data):
            return
        yield kind & NLA_TYPE_MASK, data[offset + ATTRIBUTE.size : offset + length]
        offset += length + (-length % 4)


class NetlinkSocket:
    """A blocking netfilter socket and context manager, for one thread at a time."""

    def __init__(self, *, timeout: float = 10.0) -> None:
        self._sequence = 0
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
            self._socket.bind((0, 0))
        except OSError as error:
            raise netlink_error(error.errno or 0, "open a netlink socket") from None
        self._socket.settimeout(timeout)
        for option in (SO_SNDBUFFORCE, SO_RCVBUFFORCE):
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, option, BUFFER)
            except PermissionError:  # optional: reading needs no large buffer
                continue

    def __enter__(self) -> NetlinkSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket. This waits for an RCU grace period (10 ms): the kernel frees what transactions replaced."""
        self._socket.close()

    def commit(self, subsystem: int, messages: Sequence[Message]) -> None:
        """Commit messages as one transaction.

        Raises
        ------
        NetlinkError
            The kernel refused the transaction, which had no effect.
        """
        listed = batch(subsystem, [*messages[:-1], _acknowledged(messages[-1])])
        first = self._send(listed)
        last = first + len(listed) - 2
        while True:
            done = False
            for kind, _, sequence, body in self._receive():
                if kind == NLMSG_ERROR and sequence >= first:
                    _raise_for(body, "change the ruleset")
                    done = done or sequence == last
            if done:
                return

    def dump(self, message: Message) -> Iterator[bytes]:
        """Yield the body of each answer after its netfilter header.

        Raises
        ------
        NetlinkError
            The kernel refused the request; EINTR when the list is incomplete because it changed meanwhile.
        """
        first = self._send([Message(message.type, message.flags | NLM_F_DUMP, message.body)])
        while True:
            for kind, flags, sequence, body in self._receive():
                if sequence != first:
                    continue
                if flags & NLM_F_DUMP_INTR:
                    raise netlink_error(errno.EINTR, "list")
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    _raise_for(body, "list")
                    return
                yield body[4:]

    def ask(self, message: Message) -> bytes:
        """Return the body of the only answer after its netfilter header; raises as `dump`."""
        first = self._send([message])
        while True:
            for kind, _, sequence, body in self._receive():
                if sequence == first:
                    if kind == NLMSG_ERROR:
                        _raise_for(body, "read")
                        return b""
                    return body[4:]

    def execute(self, message: Message) -> None:
        """Send one message outside a transaction and wait for its acknowledgement; raises as `commit`."""
        first = self._send([_acknowledged(message)])
        while True:
            for kind, _, sequence, body in self._receive():
                if sequence == first and kind == NLMSG_ERROR:
                    _raise_for(body, "change")
                    return

    def _send(self, messages: Sequence[Message]) -> int:
        first = self._sequence + 1
        self._sequence += len(messages)
        try:
            self._socket.send(b"".join(message.encode(first + i) for i, message in enumerate(messages)))
        except OSError as error:
            raise netlink_error(error.errno or 0, "send netlink messages") from None
        return first

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        try:
            data = self._socket.recv(1 << 20)
        except OSError as error:
            raise netlink_error(error.errno or errno.ETIMEDOUT, "get an answer from the kernel") from None
        return split_messages(data)


def split_messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield (type, flags, sequence, body) of the messages in `data`, without incomplete ones."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, offset)
        if length < HEADER.size or offset + length > len(data):
            return
        yield kind, flags, sequence, data[offset + HEADER.size : offset + length]
        offset += length + (-length % 4)


def _acknowledged(message: Message) -> Message:
    return Message(message.type, message.flags | NLM_F_ACK, message.body)


def _raise_for(body: bytes, action: str) -> None:
    code = struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
    if code < 0:
        raise netlink_error(-code, action)

"""nf_tables over netlink: the content of weight maps, and the objects in our tables. Encoding does no I/O.

`nft` reads the whole ruleset before it changes one map, which takes a hundred times longer than the change itself.
Layout: linux/netfilter/nf_tables.h; tests compare the bytes with those of `nft --debug=mnl`.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice

from wao_lb.agent.family import Family
from wao_lb.agent.linux.netlink import (
    Message,
    NetlinkError,
    NetlinkSocket,
    attribute,
    attributes,
    nested,
    netfilter,
    number,
    text,
)
from wao_lb.agent.names import TABLE
from wao_lb.agent.slots import Range, Target
from wao_lb.agent.table import Object, TableContents

SUBSYSTEM = 10
GETTABLE, GETCHAIN, GETRULE, GETSET, NEWSETELEM, DELSETELEM, GETGEN = 1, 4, 7, 10, 12, 14, 16
LIST_TABLE, LIST_SET, LIST_ELEMENTS = 1, 2, 3
LIST_ELEM = 1
ELEM_KEY, ELEM_DATA, ELEM_FLAGS = 1, 2, 3
DATA_VALUE, DATA_VERDICT = 1, 2
VERDICT_CODE, VERDICT_CHAIN = 1, 2
GOTO = -4
INTERVAL_END = 1
OBJECT_TABLE, CHAIN_NAME, SET_NAME, SET_FLAGS = 1, 3, 2, 3
SET_IS_MAP = 0x8
GENERATION_ID = 1
RANGES_A_MESSAGE = 150
"""An attribute has at most 64 KiB, a range at most 350 bytes."""
BYTES_A_BATCH = 512 * 1024
ATTEMPTS = 5
"""Attempts to read a ruleset that others change meanwhile."""


def replace_content(family: Family, name: str, content: Sequence[Range]) -> list[Message]:
    """Return the messages that replace the content of a weight map, for one transaction."""
    where = text(LIST_TABLE, TABLE), text(LIST_SET, name)
    flush = netfilter(SUBSYSTEM, DELSETELEM, family.number, *where)
    ranges = iter(content)
    fill = []
    while part := list(islice(ranges, RANGES_A_MESSAGE)):
        elements = nested(LIST_ELEMENTS, *(piece for item in part for piece in _range(item)))
        fill.append(netfilter(SUBSYSTEM, NEWSETELEM, family.number, *where, elements))
    return [flush, *fill]


def _range(item: Range) -> tuple[bytes, bytes]:
    start = nested(LIST_ELEM, _key(item.first), _data(item.target))
    end = nested(LIST_ELEM, number(ELEM_FLAGS, INTERVAL_END), _key(item.last + 1))
    return start, end


def _key(slot: int) -> bytes:
    return nested(ELEM_KEY, attribute(DATA_VALUE, slot.to_bytes(4, "big")))


@lru_cache(maxsize=65536)
def _data(target: Target) -> bytes:
    if isinstance(target, str):
        return nested(ELEM_DATA, nested(DATA_VERDICT, number(VERDICT_CODE, GOTO), text(VERDICT_CHAIN, target)))
    address, port = target
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    # each part of a concatenation is padded to 32 bits
    return nested(ELEM_DATA, attribute(DATA_VALUE, packed + port.to_bytes(2, "big") + b"\0\0"))


def batches(family: Family, contents: Mapping[str, Sequence[Range]]) -> Iterator[list[Message]]:
    """Yield transactions that replace the content of weight maps; each map is in one transaction."""
    pending: list[Message] = []
    size = 0
    for name, content in contents.items():
        messages = replace_content(family, name, content)
        pending += messages
        size += sum(len(message.body) for message in messages)
        if size > BYTES_A_BATCH:
            yield pending
            pending, size = [], 0
    if pending:
        yield pending


def write_weights(netlink: NetlinkSocket, family: Family, contents: Mapping[str, Sequence[Range]]) -> None:
    """Replace the content of weight maps, each atomically.

    Raises
    ------
    NetlinkError
        The kernel refused: a map or chain does not exist any more, or CAP_NET_ADMIN is missing.
    """
    for messages in batches(family, contents):
        netlink.commit(SUBSYSTEM, messages)


def table_contents(family: Family) -> TableContents | None:
    """Return the contents of our table, or None when there is no table; raises as `write_weights`."""
    for _ in range(ATTEMPTS):
        try:
            return _table_contents(family)
        except NetlinkError as error:
            if error.errno != errno.EINTR:
                raise
    raise NetlinkError(errno.EINTR, "the ruleset changed during every attempt to read it")


def _table_contents(family: Family) -> TableContents | None:
    where = text(OBJECT_TABLE, TABLE)
    with NetlinkSocket() as netlink:
        tables = netlink.dump(netfilter(SUBSYSTEM, GETTABLE, family.number))
        if TABLE not in {_string(dict(attributes(answer)).get(OBJECT_TABLE, b"")) for answer in tables}:
            return None
        found: set[Object] = set()
        for answer in netlink.dump(netfilter(SUBSYSTEM, GETCHAIN, family.number, where)):
            fields = dict(attributes(answer))
            if _string(fields.get(OBJECT_TABLE, b"")) == TABLE:
                found.add(("chain", _string(fields[CHAIN_NAME])))
        for answer in netlink.dump(netfilter(SUBSYSTEM, GETSET, family.number, where)):
            fields = dict(attributes(answer))
            kind = "map" if int.from_bytes(fields.get(SET_FLAGS, b""), "big") & SET_IS_MAP else "set"
            name = _string(fields[SET_NAME])
            if not name.startswith("__"):  # anonymous
                found.add((kind, name))
        rules = sum(1 for _ in netlink.dump(netfilter(SUBSYSTEM, GETRULE, family.number, where)))
        return TableContents(frozenset(found), rules)


def generation() -> int:
    """Return the generation of the ruleset, which every change increases; raises as `write_weights`."""
    with NetlinkSocket() as netlink:
        answer = netlink.ask(netfilter(SUBSYSTEM, GETGEN, 0))
    return int.from_bytes(dict(attributes(answer)).get(GENERATION_ID, b""), "big")


def _string(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode(errors="replace")

"""Netlink messages: what is encoded is what is decoded, and incomplete data ends a list instead of a process."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_lb.agent.linux.netlink import (
    BATCH_BEGIN,
    BATCH_END,
    LONGEST_ATTRIBUTE,
    NLM_F_ACK,
    NLM_F_REQUEST,
    Message,
    attribute,
    attributes,
    batch,
    nested,
    netfilter,
    netlink_error,
    number,
    split_messages,
    text,
)

KINDS = st.integers(1, 0x3FFF)
ATTRIBUTES = st.lists(st.tuples(KINDS, st.binary(max_size=40)), max_size=5)
NUMBERS = st.integers(0, 0xFFFF)
MESSAGES = st.lists(st.builds(Message, NUMBERS, NUMBERS, st.binary(max_size=40)), max_size=5)


@given(ATTRIBUTES)
def test_attributes_are_read_as_they_were_written(listed: list[tuple[int, bytes]]) -> None:
    data = b"".join(attribute(kind, value) for kind, value in listed)
    assert listed == list(attributes(data))
    assert 0 == len(data) % 4


@given(MESSAGES)
def test_messages_are_read_as_they_were_written(listed: list[Message]) -> None:
    data = b"".join(message.encode(row) for row, message in enumerate(listed, 1))
    expected = [(item.type, item.flags, row, item.body) for row, item in enumerate(listed, 1)]
    assert expected == list(split_messages(data))


@given(st.binary(max_size=100))
def test_any_bytes_end(data: bytes) -> None:
    assert len(list(attributes(data))) <= len(data) // 4
    assert len(list(split_messages(data))) <= len(data) // 16


@given(ATTRIBUTES, st.integers(1, 3))
def test_an_incomplete_attribute_is_left_out(listed: list[tuple[int, bytes]], cut: int) -> None:
    whole = b"".join(attribute(kind, value) for kind, value in listed)
    data = whole + attribute(1, b"12345678")[:-cut]
    assert listed == list(attributes(data))


def test_values_have_the_layout_of_the_kernel() -> None:
    assert b"\x06\x00\x01\x00a\x00\x00\x00" == text(1, "a")
    assert b"\x08\x00\x01\x00\x00\x00\x00\x02" == number(1, 2)
    assert b"\x08\x00\x01\x00\xff\xff\xff\xfc" == number(1, -4)
    assert [(2, number(1, 7))] == list(attributes(nested(2, number(1, 7))))  # without the flag of nesting


def test_an_attribute_longer_than_its_length_field_is_refused() -> None:
    attribute(1, b"x" * (LONGEST_ATTRIBUTE - 4))
    with pytest.raises(ValueError, match="65536 bytes is too long"):
        attribute(1, b"x" * (LONGEST_ATTRIBUTE - 3))


def test_a_batch_is_framed_by_messages_of_its_subsystem() -> None:
    begin, only, end = batch(10, [netfilter(10, 12, 2, number(1, 1), flags=NLM_F_ACK)])
    assert (BATCH_BEGIN, BATCH_END) == (begin.type, end.type)
    assert struct.pack(">BBH", 0, 0, 10) == begin.body == end.body
    assert (10 << 8 | 12, NLM_F_REQUEST | NLM_F_ACK) == (only.type, only.flags)
    assert struct.pack(">BBH", 2, 0, 0) + number(1, 1) == only.body


@pytest.mark.parametrize(("code", "hint"), [(errno.EPERM, True), (errno.EACCES, True), (errno.ENOENT, False)])
def test_an_error_names_the_capability_that_may_be_missing(code: int, hint: bool) -> None:
    error = netlink_error(code, "list")
    assert code == error.errno
    assert hint is ("CAP_NET_ADMIN is needed" in str(error))

"""Names of endpoints: resolved once, and only to addresses that may be connected to."""

from __future__ import annotations

import pytest

from wao_core.collector.addresses import AddressRule
from wao_core.collector.resolver import Resolver


@pytest.mark.parametrize("address", ["10.1.2.3", "fd00::7"])
async def test_an_address_is_its_own_address(address: str) -> None:
    assert await Resolver(AddressRule()).resolve(address) == [address]


async def test_a_name_has_its_addresses_once_each() -> None:
    found = await Resolver(AddressRule(loopback=True)).resolve("localhost")
    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(set(found)) == len(found) > 0


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "169.254.169.254"])
async def test_addresses_that_the_rule_refuses_are_left_out(host: str) -> None:
    with pytest.raises(OSError, match=rf"{host} has no allowed address \(--endpoint-network\)"):
        await Resolver(AddressRule()).resolve(host)


async def test_a_name_without_an_address_is_an_error() -> None:
    with pytest.raises(OSError):
        await Resolver(AddressRule()).resolve("no-such-name.invalid")


SPELLINGS = "127.1 0x7f000001 2130706433 017700000001 ①②⑦.0.0.1 127。0。0。1 ::1%lo 0:0:0:0:0:0:0:1 0".split()


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_a_refused_address_is_resolved(host: str) -> None:
    with pytest.raises(OSError, match="no allowed address"):
        await Resolver(AddressRule()).resolve(host)


@pytest.mark.parametrize("host", ["a" * 64 + ".b", "é" * 60, "a" * 300, "x\0y", "a b", "[::1]"])
async def test_text_that_is_no_name_is_an_error_that_callers_expect(host: str) -> None:
    with pytest.raises(OSError):
        await Resolver(AddressRule()).resolve(host)

"""Secrets are read by name, shared, kept for a minute, and read again when a BMC refuses them."""

import asyncio
from collections.abc import Mapping

import pytest

from wao_core.cluster.source import Secret
from wao_core.collector.secrets import SecretBook
from wao_predict.connection import Credentials
from wao_predict.errors import SensorError


class Secrets:
    def __init__(self, data: Mapping[str, bytes] | None) -> None:
        self.data, self.reads, self.now = data, 0, 0.0

    async def secret(self, namespace: str, name: str) -> Secret | None:
        self.reads += 1
        await asyncio.sleep(0)
        return None if self.data is None else Secret(self.data)


async def test_one_read_serves_all_who_share_it_for_a_minute() -> None:
    source = Secrets({"username": b"u", "password": b"p"})
    book = SecretBook(source.secret, clock=lambda: source.now)
    found = await asyncio.gather(*(book.get("wao/bmc", host="bmc") for _ in range(20)))
    assert found == [Credentials("u", "p")] * 20
    assert source.reads == 1
    source.now = 61.0
    source.data = {"username": b"u", "password": b"new"}
    assert await book.get("wao/bmc", host="bmc") == Credentials("u", "new")


async def test_a_refused_password_is_read_again_but_not_for_every_bmc() -> None:
    source = Secrets({"username": b"u", "password": b"old"})
    book = SecretBook(source.secret, clock=lambda: source.now)
    await book.get("wao/bmc", host="bmc")
    source.now = 10.0
    source.data = {"username": b"u", "password": b"new"}
    assert await book.get("wao/bmc", host="bmc") == Credentials("u", "old")
    assert [await book.get("wao/bmc", host="bmc", refused=True) for _ in range(5)] == [Credentials("u", "new")] * 5
    assert source.reads == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "there is no Secret wao/bmc: create it with the keys username and password"),
        ({"username": b"u"}, "Secret wao/bmc has no password"),
        ({}, "Secret wao/bmc has no username and no password"),
        ({"username": b"\xff", "password": b"p"}, "must be UTF-8 text"),
    ],
)
async def test_errors_are_reported(data: Mapping[str, bytes] | None, message: str) -> None:
    with pytest.raises(SensorError, match=message):
        await SecretBook(Secrets(data).secret).get("wao/bmc", host="bmc")


async def test_a_secret_that_cannot_be_read_is_not_requested_by_every_sensor() -> None:
    source = Secrets(None)
    book = SecretBook(source.secret, clock=lambda: source.now)
    results = await asyncio.gather(*(book.get("wao/bmc", host="bmc") for _ in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {SensorError}
    assert source.reads == 1
    source.now, source.data = 6.0, {"username": b"u", "password": b"p"}
    assert await book.get("wao/bmc", host="bmc") == Credentials("u", "p")


async def test_secrets_that_are_not_used_any_more_are_forgotten() -> None:
    source = Secrets({"username": b"u", "password": b"p"})
    book = SecretBook(source.secret, clock=lambda: source.now)
    for number in range(10):
        await book.get(f"wao/bmc-{number}", host="bmc")
    source.now = 61.0
    await book.get("wao/bmc-0", host="bmc")
    assert 1 == len(book)


async def test_no_secret_is_no_credentials() -> None:
    source = Secrets(None)
    assert await SecretBook(source.secret).get("", host="bmc") is None
    assert source.reads == 0

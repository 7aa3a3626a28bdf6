"""A refused account is not tried again: BMCs and directory services lock accounts after a few failures."""

from __future__ import annotations

import pytest

from wao_core.cluster.source import Secret
from wao_core.collector.secrets import SecretBook
from wao_fleet.standby.power.accounts import MOST_HOSTS, PowerAccounts
from wao_predict.errors import RemoteError

REFERENCE = "wao-system/power"


class Store:
    def __init__(self) -> None:
        self.password, self.now = b"wrong", 0.0

    async def secret(self, namespace: str, name: str) -> Secret | None:
        return Secret({"username": b"operator", "password": self.password})

    def accounts(self) -> PowerAccounts:
        return PowerAccounts(SecretBook(self.secret, clock=lambda: self.now))


async def refuse(accounts: PowerAccounts, host: str) -> None:
    accounts.refused(REFERENCE, host, await accounts.get(REFERENCE, host=host))


async def test_refused_credentials_are_not_tried_again_before_the_secret_changes() -> None:
    store = Store()
    accounts = store.accounts()
    await refuse(accounts, "bmc-1")
    store.now = 30.0
    with pytest.raises(RemoteError, match=r"Secret wao-system/power were refused by bmc-1.*not locked"):
        await accounts.get(REFERENCE, host="bmc-1")
    store.password, store.now = b"right", 60.0
    assert (await accounts.get(REFERENCE, host="bmc-1")).password == "right"


async def test_other_bmcs_are_tried_until_several_have_refused() -> None:
    """One BMC may have another password; an account that many BMCs share would be locked by all together."""
    accounts = Store().accounts()
    for number in range(MOST_HOSTS):
        await refuse(accounts, f"bmc-{number}")
    with pytest.raises(RemoteError, match="refused by bmc-0, bmc-1"):
        await accounts.get(REFERENCE, host="bmc-9")


async def test_a_success_ends_the_refusal() -> None:
    accounts = Store().accounts()
    await refuse(accounts, "bmc-1")
    accounts.accepted(REFERENCE, "bmc-1")
    assert await accounts.get(REFERENCE, host="bmc-1")


async def test_power_control_without_an_account_names_the_field() -> None:
    with pytest.raises(RemoteError, match=r"set standby\.basicAuthSecret"):
        await Store().accounts().get("", host="bmc-1")

"""Accounts that a BMC refused are not tried again: repeated failures would lock them."""

from __future__ import annotations

from wao_core.collector.secrets import SecretBook
from wao_predict.connection import Credentials
from wao_predict.errors import RemoteError

MOST_HOSTS = 2
"""BMCs that may refuse the same credentials of a Secret: all together can lock an account of a directory service."""


class PowerAccounts:
    """The credentials of Secrets for power control.

    Examples
    --------
    >>> accounts = PowerAccounts(SecretBook(source.secret))  # doctest: +SKIP
    >>> credentials = await accounts.get("wao-system/power", host="bmc-1")  # doctest: +SKIP
    >>> accounts.refused("wao-system/power", "bmc-1", credentials)  # doctest: +SKIP
    """

    def __init__(self, secrets: SecretBook) -> None:
        self._secrets = secrets
        self._refused: dict[str, tuple[Credentials, set[str]]] = {}

    async def get(self, reference: str, *, host: str) -> Credentials:
        """Return the credentials of "namespace/name" for a host.

        Raises
        ------
        RemoteError
            This host, or several others, refused them, and the Secret has not changed since.
        SensorError
            There is no such Secret, or it may not be sent to this host.
        """
        found = await self._secrets.get(reference, host=host)
        if self._is_refused(reference, host, found):
            found = await self._secrets.get(reference, host=host, refused=True)
        if found is None:
            raise RemoteError(f"{host}: power control needs an account: set standby.basicAuthSecret", endpoint=host)
        if self._is_refused(reference, host, found):
            raise RemoteError(
                f"{host}: the credentials of Secret {reference} were refused by {self._hosts(reference)}; they are not "
                "tried again before the Secret changes, so that the account is not locked",
                endpoint=host,
                status_code=401,
            )
        return found

    def refused(self, reference: str, host: str, credentials: Credentials) -> None:
        """Note that a host refused these credentials."""
        known, hosts = self._refused.get(reference, (credentials, set()))
        self._refused[reference] = (credentials, {*hosts, host} if known == credentials else {host})

    def accepted(self, reference: str, host: str) -> None:
        """Note that a host accepted the present credentials."""
        if reference in self._refused:
            self._refused[reference][1].discard(host)

    def _is_refused(self, reference: str, host: str, credentials: Credentials | None) -> bool:
        known, hosts = self._refused.get(reference, (None, set[str]()))
        return known is not None and known == credentials and (host in hosts or len(hosts) >= MOST_HOSTS)

    def _hosts(self, reference: str) -> str:
        return ", ".join(sorted(self._refused[reference][1]))

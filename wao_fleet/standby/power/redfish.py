"""Power control through a BMC: Redfish ComputerSystem.Reset by sushy, with the account that may switch power."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from wao_core.aio import in_daemon_thread
from wao_core.collector.resolver import Resolver
from wao_fleet.standby.power.accounts import PowerAccounts
from wao_predict.connection import HttpOptions, TlsPolicy, origin_of
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError, UsageError
from wao_predict.redfish.power_control import PowerControl, PowerState

T = TypeVar("T")

LIMITS = HttpOptions(timeout=20.0, connect_timeout=5.0)
"""For one request; a conversation has about six."""
PATIENCE = 90.0
"""Seconds for a whole conversation with a BMC."""


class RedfishSwitch:
    """One System of a BMC.

    Parameters
    ----------
    endpoint
        URL of the BMC, Secret and TLS policy.
    system
        Id of the System; empty where the BMC has only one.
    one_at_a_time
        Shared by the switches of the same BMC.
    default_tls
        How the certificate is verified where the endpoint does not state it.
    permitted
        Returns whether this process may still act; it is called when the BMC has accepted the login.
    """

    acts = True
    observes = True

    def __init__(
        self,
        endpoint: Endpoint,
        system: str,
        *,
        accounts: PowerAccounts,
        resolver: Resolver,
        one_at_a_time: asyncio.Lock,
        default_tls: TlsPolicy,
        permitted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._endpoint, self._system = endpoint, system
        self._host = origin_of(endpoint.url)[1]
        self._accounts, self._resolver, self._gate = accounts, resolver, one_at_a_time
        self._tls = endpoint.tls.or_else(default_tls)
        self._permitted = permitted

    async def read(self) -> PowerState | None:
        """Return the power state that the BMC states now."""
        return await self._converse(PowerControl.read)

    async def switch_on(self) -> None:
        """Send On, or ForceOn where the BMC has no other."""
        await self._reset(PowerControl.switch_on)

    async def shut_down(self) -> None:
        """Send GracefulShutdown."""
        await self._reset(PowerControl.shut_down)

    async def force_off(self) -> None:
        """Send ForceOff."""
        await self._reset(PowerControl.force_off)

    async def _reset(self, work: Callable[[PowerControl], None]) -> None:
        def if_permitted(control: PowerControl) -> None:
            if not self._permitted():
                raise RemoteError(f"{self._endpoint.url}: not switched: the Lease may be held by another replica")
            work(control)

        await self._converse(if_permitted)

    async def _converse(self, work: Callable[[PowerControl], T]) -> T:
        """Do `work` in a thread, because sushy blocks, on an address that may be connected to."""
        url, secret = self._endpoint.url, self._endpoint.secret
        async with self._gate:
            credentials = await self._accounts.get(secret, host=self._host)
            address = await self._address()

            def in_thread() -> T:
                with PowerControl(
                    url,
                    credentials=credentials,
                    system=self._system or None,
                    tls=self._tls,
                    options=LIMITS,
                    address=address,
                ) as control:
                    return work(control)

            try:
                async with asyncio.timeout(PATIENCE):
                    result = await in_daemon_thread(in_thread)
            except TimeoutError:
                raise RemoteError(f"{url}: no answer in {PATIENCE:g} s", endpoint=url) from None
            except RemoteError as error:
                if error.status_code in (401, 403):
                    self._accounts.refused(secret, self._host, credentials)
                raise
            except UsageError as error:  # which names the System or the reset type
                raise RemoteError(str(error), endpoint=url) from None
            self._accounts.accepted(secret, self._host)
            return result

    async def _address(self) -> str:
        try:
            return (await self._resolver.resolve(self._host))[0]
        except OSError as error:
            raise RemoteError(f"{self._endpoint.url}: {error}", endpoint=self._endpoint.url) from None

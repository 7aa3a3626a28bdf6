"""Opens the switch of a node as its NodeConfig says, and keeps it while the NodeConfig stays the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container
from dataclasses import replace
from weakref import WeakValueDictionary

from wao_core.cluster.records import Standby
from wao_core.collector.endpoints import EndpointAccess
from wao_core.collector.resolver import Resolver
from wao_core.collector.secrets import ReadSecret, SecretBook
from wao_fleet.standby.power.accounts import PowerAccounts
from wao_fleet.standby.power.redfish import RedfishSwitch
from wao_fleet.standby.power.switch import DryRunSwitch, PowerSwitch
from wao_fleet.standby.power.wake_on_lan import WakeOnLanSwitch
from wao_predict.connection import without_userinfo
from wao_predict.endpoint import Endpoint
from wao_predict.errors import UsageError


class Switches:
    """The switches of all nodes. Those of one BMC share a lock, so that it has one conversation at a time.

    Parameters
    ----------
    read_secret
        Returns a Secret by namespace and name: the `secret` of a source.
    access
        Which addresses may be connected to, and how certificates are verified by default.
    secret_namespace
        Namespace of the accounts, whose Secrets must list their hosts; empty: that of the NodeConfig.
    permitted
        Returns whether this process may still act: it holds the Lease.
    """

    def __init__(
        self,
        read_secret: ReadSecret,
        access: EndpointAccess,
        *,
        secret_namespace: str = "",
        permitted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._access, self._secret_namespace, self._permitted = access, secret_namespace, permitted
        self._accounts = PowerAccounts(SecretBook(read_secret, needs_annotation=bool(secret_namespace)))
        self._resolver = Resolver(access.rule)
        self._gates: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._opened: dict[str, tuple[Standby, PowerSwitch]] = {}

    def of(self, node: str, standby: Standby) -> PowerSwitch:
        """Return the switch of a node.

        Raises
        ------
        WaoError
            The endpoint or an address cannot be used.
        """
        held = self._opened.get(node)
        if held is None or held[0] != standby:
            held = self._opened[node] = (standby, self._open(node, standby))
        return held[1]

    def keep_only(self, nodes: Container[str]) -> None:
        """Forget the switches of all other nodes."""
        for node in [node for node in self._opened if node not in nodes]:
            del self._opened[node]

    def _open(self, node: str, standby: Standby) -> PowerSwitch:
        if standby.dry_run:
            return DryRunSwitch(node)
        bmc = None if standby.bmc is None else self._redfish(standby.bmc, standby.system)
        if standby.method == "Redfish" and bmc is not None:
            return bmc
        if standby.method == "WakeOnLan" and standby.wake_on_lan is not None:
            return WakeOnLanSwitch(standby.wake_on_lan, bmc, self._access.rule)
        raise UsageError(f"standby.method {standby.method:.40} of {node}: use DryRun, Redfish or WakeOnLan")

    def _redfish(self, endpoint: Endpoint, system: str) -> RedfishSwitch:
        if without_userinfo(endpoint.url) != endpoint.url:
            raise UsageError("credentials in a URL would appear in logs: put them into a Secret")
        if self._secret_namespace and endpoint.secret:
            name = endpoint.secret.partition("/")[2]
            endpoint = replace(endpoint, secret=f"{self._secret_namespace}/{name}")
        gate = self._gates.setdefault(endpoint.url, asyncio.Lock())
        return RedfishSwitch(
            endpoint,
            system,
            accounts=self._accounts,
            resolver=self._resolver,
            one_at_a_time=gate,
            default_tls=self._access.tls,
            permitted=self._permitted,
        )

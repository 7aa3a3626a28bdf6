"""A simulated kernel table for the commands of `wao_lb.agent.transaction`; it refuses what the kernel refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from wao_lb.agent.family import FAMILIES, Family
from wao_lb.agent.linux.nft import NftError
from wao_lb.agent.model import UdpFlows
from wao_lb.agent.slots import Range
from wao_lb.agent.table import TableContents

T = TypeVar("T")


class RefusedError(Exception):
    """The kernel would refuse the transaction."""


@dataclass
class SimulatedTable:
    """Chains with their rules, maps and sets with their elements; a transaction takes effect whole or not at all."""

    chains: dict[str, list[str]] = field(default_factory=dict)
    maps: dict[str, dict[str, str]] = field(default_factory=dict)
    sets: dict[str, dict[str, str]] = field(default_factory=dict)
    specs: dict[str, str] = field(default_factory=dict)

    def run(self, *scripts: str) -> None:
        for script in scripts:
            self._run(script)

    def _run(self, transaction: str) -> None:
        copy = SimulatedTable(
            {name: list(rules) for name, rules in self.chains.items()},
            {name: dict(items) for name, items in self.maps.items()},
            {name: dict(items) for name, items in self.sets.items()},
            dict(self.specs),
        )
        for line in transaction.splitlines():
            copy._command(line)
        self.chains, self.maps, self.sets, self.specs = copy.chains, copy.maps, copy.sets, copy.specs

    def _command(self, line: str) -> None:
        verb, kind, _, table, *rest = line.split(" ", 5)
        if table != "wao-loadbalancer":
            raise RefusedError(f"not our table: {line}")
        if kind == "table":
            if verb == "delete":
                self.chains, self.maps, self.sets, self.specs = {}, {}, {}, {}
            return
        name, argument = rest[0], rest[1] if len(rest) > 1 else ""
        getattr(self, f"_{verb}_{kind}")(name, argument)

    def _add_chain(self, name: str, _: str) -> None:
        self.chains.setdefault(name, [])

    def _flush_chain(self, name: str, _: str) -> None:
        self._there(self.chains, name).clear()

    def _delete_chain(self, name: str, _: str) -> None:
        if self._there(self.chains, name):
            raise RefusedError(f"chain {name} has rules")
        del self.chains[name]
        self._unused(name)

    def _add_rule(self, name: str, rule: str) -> None:
        for word in re.findall(r"(?:goto|jump) (\S+)", rule):
            self._there(self.chains, word)
        for word in re.findall(r"@(\S+)", rule):
            if word not in self.maps and word not in self.sets:
                raise RefusedError(f"no map or set {word}")
        self._there(self.chains, name).append(rule)

    def _add_map(self, name: str, spec: str) -> None:
        self._declare(name, spec)
        self.maps.setdefault(name, {})

    def _add_set(self, name: str, spec: str) -> None:
        self._declare(name, spec)
        self.sets.setdefault(name, {})

    def _declare(self, name: str, spec: str) -> None:
        if self.specs.setdefault(name, spec) != spec:
            raise RefusedError(f"{name} is there with another declaration")

    def _flush_map(self, name: str, _: str) -> None:
        self._there(self.maps, name).clear()

    def _flush_set(self, name: str, _: str) -> None:
        self._there(self.sets, name).clear()

    def _delete_map(self, name: str, _: str) -> None:
        self._there(self.maps, name)
        del self.maps[name], self.specs[name]
        self._unused(name)

    def _delete_set(self, name: str, _: str) -> None:
        self._there(self.sets, name)
        del self.sets[name], self.specs[name]
        self._unused(name)

    def _add_element(self, name: str, argument: str) -> None:
        into = self.maps[name] if name in self.maps else self._there(self.sets, name)
        for item in argument.strip("{} ").split(", "):
            key, _, verdict = item.partition(" : ")
            if into.get(key, verdict) != verdict:
                raise RefusedError(f"{name}: {key} is there with another verdict")
            if verdict.startswith("goto "):
                self._there(self.chains, verdict[5:])
            into[key] = verdict

    def _delete_element(self, name: str, argument: str) -> None:
        into = self.maps[name] if name in self.maps else self._there(self.sets, name)
        for key in argument.strip("{} ").split(", "):
            if key not in into:
                raise RefusedError(f"{name}: no element {key}")
            del into[key]

    def _unused(self, name: str) -> None:
        for rules in self.chains.values():
            for rule in rules:
                if name in re.findall(r"(?:goto |jump |@)(\S+)", rule):
                    raise RefusedError(f"{name} is in use by {rule}")
        for items in self.maps.values():
            if f"goto {name}" in items.values():
                raise RefusedError(f"{name} is in use by a map")

    @staticmethod
    def _there(of: dict[str, T], name: str) -> T:
        if name not in of:
            raise RefusedError(f"there is no {name}")
        return of[name]


@dataclass
class SimulatedKernel:
    """A kernel with our two tables, as the agent's syncer uses it.

    Attributes
    ----------
    broken
        Why every change is refused, "" while none is.
    then
        Called after each transaction, before the syncer hears of it.
    """

    tables: dict[str, SimulatedTable] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)
    forgotten: list[UdpFlows] = field(default_factory=list)
    broken: str = ""
    refuse_once: str = ""  # the next transaction with this text
    number: int = 1
    then: Callable[[], None] = lambda: None

    async def preflight(self, family: Family) -> list[str]:
        return [self.broken] if self.broken else []

    async def apply(self, transaction: str) -> None:
        if self.broken:
            raise NftError(self.broken)
        if self.refuse_once and self.refuse_once in transaction:
            self.refuse_once = ""
            raise NftError("nft refused: once")
        changed = {}
        try:
            for family in FAMILIES:
                lines = [line for line in transaction.splitlines() if line.split(" ")[2] == family.nft]
                if lines:
                    before = self.tables.get(family.nft) or SimulatedTable()
                    changed[family.nft] = SimulatedTable(before.chains, before.maps, before.sets, before.specs)
                    changed[family.nft].run("\n".join(lines))
        except RefusedError as error:
            raise NftError(str(error)) from error
        self.tables |= changed
        self.scripts.append(transaction)
        self.number += 1
        self.then()

    async def write_weights(self, family: Family, contents: Mapping[str, Sequence[Range]]) -> None:
        if self.broken or family.nft not in self.tables:
            raise NftError(self.broken or "No such file or directory")
        maps = self.tables[family.nft].maps
        for name, content in contents.items():
            holds_chains = "verdict" in self.tables[family.nft].specs[name]
            if any(isinstance(item.target, str) is not holds_chains for item in content):
                raise NftError(f"{name} holds data of another type")
            maps[name] = {f"{item.first}-{item.last}": f"{item.target}" for item in content}
            self.weights.append(name)
        self.number += 1

    async def table_contents(self, family: Family) -> TableContents | None:
        if family.nft not in self.tables:
            return None
        table = self.tables[family.nft]
        kinds: dict[str, Mapping[str, object]] = {"chain": table.chains, "map": table.maps, "set": table.sets}
        found = frozenset((kind, name) for kind, named in kinds.items() for name in named)
        return TableContents(found, sum(len(rules) for rules in table.chains.values()))

    async def generation(self) -> int:
        return self.number

    async def forget_flows(self, family: Family, wanted: Sequence[UdpFlows]) -> int:
        self.forgotten += wanted
        return 0

    def chains(self, word: str, family: str = "ip") -> list[str]:
        """Return the names of the chains with this word that have rules."""
        table = self.tables.get(family, SimulatedTable())
        return sorted(name for name, rules in table.chains.items() if word in name and rules)

    def serves(self, address: str) -> bool:
        """Return whether a rule of IPv4, or a map that one looks up, leads to an endpoint's address."""
        table = self.tables.get("ip", SimulatedTable())
        rules = [rule for lines in table.chains.values() for rule in lines if "dnat" in rule]
        maps = [table.maps[name] for rule in rules for name in re.findall(r"map @(\S+)", rule)]
        return any(f"to {address}:" in rule for rule in rules) or any(
            data.startswith(f"{address} .") for content in maps for data in content.values()
        )

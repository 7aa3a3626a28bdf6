"""The state of one table in the kernel, and the transactions that change it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wao_lb.agent.base_chains import COMMENT, BaseRuleset, base_ruleset
from wao_lb.agent.model import HAIRPINS, NO_RULES, NO_WEIGHTS, NamedSet, NodeSetup, Rules, WeightMap, Weights
from wao_lb.agent.slots import Key, Range, differs, ranges, shares, slots
from wao_lb.agent.transaction import Transaction, element

Elements = dict[str, dict[str, str]]
Object = tuple[str, str]
"""Kind ("chain", "map", "set") and name."""
GRACE = 1.5
"""Seconds between retiring a map and deleting it, and between deleting it and deleting the chains it refers to.

Kernels before 6.2 cannot delete an element and the chain that it refers to in one transaction.
"""


@dataclass(frozen=True, slots=True)
class TableContents:
    """The objects of a table in the kernel, without anonymous sets, and the number of its rules."""

    objects: frozenset[Object]
    rules: int


@dataclass(frozen=True, slots=True)
class TableUpdate:
    """Transactions in their order, and the state of the table after them.

    Attributes
    ----------
    texts
        The commands of each transaction.
    rules
        Rules of the Services that change; `NO_RULES` for one that is removed.
    elements
        Elements of all shared maps and sets.
    weight_maps
        Content of the weight maps that are written.
    retired, revived
        Objects that are not needed any more, and objects that are in use (again).
    full
        Whether `rules` replaces the rules of all Services.
    """

    texts: tuple[str, ...]
    rules: Mapping[str, Rules]
    elements: Elements
    weight_maps: Mapping[str, tuple[Range, ...]]
    retired: frozenset[Object] = frozenset()
    revived: frozenset[Object] = frozenset()
    full: bool = False


@dataclass(slots=True)
class Table:
    """Our table of one family, as the last successful transaction left it.

    Attributes
    ----------
    retired
        Unused objects, with the earliest time at which each may be deleted [monotonic s]; chains are already empty.
    """

    setup: NodeSetup
    rules: dict[str, Rules] = field(default_factory=dict)
    elements: Elements = field(default_factory=dict)
    weight_maps: dict[str, tuple[Range, ...]] = field(default_factory=dict)
    retired: dict[Object, float] = field(default_factory=dict)
    _compared: dict[str, Mapping[Key, float]] = field(default_factory=dict)  # by map: the weights compared last

    def change(self, wanted: Mapping[str, Rules], elements: Elements, weights: Weights) -> TableUpdate:
        """Return the update that gives some Services other rules; `NO_RULES` removes a Service."""
        transaction = Transaction(self.setup.family)
        maps: dict[str, tuple[Range, ...]] = {}
        retired: set[Object] = set()
        revived: set[Object] = set()
        for key, new in wanted.items():
            old = self.rules.get(key, NO_RULES)
            served = bool(old.chains)
            for name, rules in new.chains.items():
                if old.chains.get(name) != rules:
                    transaction.chain(name, rules, exists=name in old.chains or ("chain", name) in self.retired)
            for name, spec in new.sets.items():
                if old.sets.get(name) != spec:
                    exists = name in old.sets or ("set", name) in self.retired
                    _declare_set(transaction, name, spec, exists=exists, early=served and name not in old.sets)
            for name, weight_map in new.weight_maps.items():
                if old.weight_maps.get(name) != weight_map:
                    maps[name] = content(weight_map, weights)
                    exists = name in old.weight_maps or ("map", name) in self.retired
                    early = served and name not in old.weight_maps
                    transaction.weights(name, weight_map.spec, maps[name], exists=exists, early=early)
            retired |= _objects(old) - _objects(new)
            revived |= _objects(new)
        _replace_elements(transaction, self.elements, elements)
        for kind, name in sorted(retired):
            transaction.retire(kind, name)
        return TableUpdate(transaction.texts(), wanted, elements, maps, frozenset(retired), frozenset(revived))

    def load(
        self,
        wanted: Mapping[str, Rules],
        elements: Elements,
        weights: Weights,
        *,
        existing: Iterable[Object] = (),
        recreate: bool = False,
    ) -> TableUpdate:
        """Return the update that writes the whole table and replaces its present contents.

        Parameters
        ----------
        existing
            The objects in the kernel's table. Foreign objects are deleted later, chains are emptied first. Existing
            maps are assumed to be in use: one that was retired but not deleted yet has its old content for a moment.
        recreate
            Delete the table first, because it cannot be changed in place.
        """
        transaction, there = Transaction(self.setup.family), set() if recreate else set(existing)
        maps: dict[str, tuple[Range, ...]] = {}
        transaction.table(COMMENT, recreate=recreate)
        base = base_ruleset(self.setup)
        _write_base(transaction, base, there)
        for rules in wanted.values():
            for name, lines in rules.chains.items():
                transaction.chain(name, lines, exists=("chain", name) in there)
            for name, spec in rules.sets.items():
                at = ("set", name)
                _declare_set(transaction, name, spec, exists=at in there, early=_must_exist_first(at, there))
            for name, weight_map in rules.weight_maps.items():
                maps[name] = content(weight_map, weights)
                at = ("map", name)
                transaction.weights(
                    name, weight_map.spec, maps[name], exists=at in there, early=_must_exist_first(at, there)
                )
        for name, items in elements.items():
            transaction.elements("add", name, [element(key, verdict) for key, verdict in items.items()])
        kept = _base_objects(base).union(*(_objects(rules) for rules in wanted.values()))
        retired = there - kept
        for kind, name in sorted(retired):
            transaction.retire(kind, name)
        return TableUpdate(transaction.texts(), wanted, elements, maps, frozenset(retired), frozenset(kept), full=True)

    def reweigh(self, weights: Weights, *, tolerance: float = 0.0) -> dict[str, tuple[Range, ...]]:
        """Return the new content of the weight maps in which a share changed by more than `tolerance` (relative)."""
        changed = {}
        for rules in self.rules.values():
            for name, weight_map in rules.weight_maps.items():
                known = weights.get((weight_map.service, *weight_map.port), NO_WEIGHTS)
                compared = self._compared.get(name)
                if compared is known or compared == known:  # identity first: it is the usual case, and quick
                    continue
                fresh = content(weight_map, weights)
                if differs(self.weight_maps[name], fresh, tolerance):
                    changed[name] = fresh
                self._compared[name] = known
        return changed

    def commit(self, update: TableUpdate, now: float) -> None:
        """Record that an update was applied; the objects that it retired may be deleted after `GRACE`."""
        if update.full:
            self.rules, self.weight_maps = {}, {}
        for key, rules in update.rules.items():
            for name in self.rules.get(key, NO_RULES).weight_maps.keys() - rules.weight_maps.keys():
                self.weight_maps.pop(name, None)
            if rules is NO_RULES:
                self.rules.pop(key, None)
            else:
                self.rules[key] = rules
        self.elements = update.elements
        self.weight_maps.update(update.weight_maps)
        for name in [name for name in self._compared if name in update.weight_maps or name not in self.weight_maps]:
            del self._compared[name]
        for item in update.revived:
            self.retired.pop(item, None)
        for item in update.retired - update.revived:
            self.retired[item] = now + GRACE if item[0] == "map" else now + GRACE + GRACE

    def expected_contents(self) -> TableContents:
        """Return the expected contents of the kernel's table; retired objects are present and have no rules."""
        base = base_ruleset(self.setup)
        kept = _base_objects(base).union(self.retired, *(_objects(rules) for rules in self.rules.values()))
        chains = [base.chains, *(rules.chains for rules in self.rules.values())]
        return TableContents(frozenset(kept), sum(len(lines) for part in chains for lines in part.values()))

    def sweep(self, now: float) -> tuple[str, list[Object]]:
        """Return the transaction that deletes due objects ("" for none), and these objects; call `swept` after it.

        A chain waits until the maps that may still refer to it are deleted.
        """
        late = {item: at for item, at in self.retired.items() if at <= now}
        blocked = min((at + GRACE for (kind, _), at in late.items() if kind == "map"), default=math.inf)
        due = sorted(item for item, at in late.items() if item[0] == "map" or at < blocked)
        transaction = Transaction(self.setup.family)
        for kind, name in due:
            transaction.delete(kind, name)
        return "".join(transaction.texts()), due

    def swept(self, deleted: Iterable[Object], now: float) -> None:
        """Record that objects were deleted; chains that waited for them wait until the kernel has released them."""
        for item in deleted:
            del self.retired[item]
        for item, at in self.retired.items():
            if at <= now:
                self.retired[item] = now + GRACE


def content(weight_map: WeightMap, weights: Weights) -> tuple[Range, ...]:
    """Return the content of a weight map under these weights."""
    keys = [key for key, _ in weight_map.targets]
    known = weights.get((weight_map.service, *weight_map.port), {})
    return ranges([target for _, target in weight_map.targets], slots(shares(keys, known)))


def merge(wanted: Mapping[str, Rules], order: Iterable[str]) -> tuple[Elements, list[tuple[str, str]]]:
    """Return the elements of the shared maps of all Services, and the conflicts as (Service, element).

    An endpoint may belong to several Services: its hairpin element stays as long as any of them has it.

    Parameters
    ----------
    order
        Keys of the Services; of several that claim an address and port, the first one gets it.
    """
    elements: Elements = {}
    owners: dict[tuple[str, str], str] = {}
    lost: list[tuple[str, str]] = []
    for service in order:
        for name, items in wanted[service].elements.items():
            into = elements.setdefault(name, {})
            for key, verdict in items.items():
                if name == HAIRPINS or owners.setdefault((name, key), service) == service:
                    into[key] = verdict
                else:
                    lost.append((service, key))
    return elements, lost


def _write_base(transaction: Transaction, base: BaseRuleset, there: set[Object]) -> None:
    for kind, specs in (("map", base.maps), ("set", base.sets)):
        for name, spec in specs.items():
            transaction.declare(kind, name, spec, early=_must_exist_first((kind, name), there))
            if (kind, name) in there:
                transaction.flush(kind, name)
    for name, hook in base.base_chains.items():
        transaction.chain(name, base.chains[name], hook=hook, exists=("chain", name) in there)
    for name, rules in base.chains.items():
        if name not in base.base_chains:
            transaction.chain(name, rules, exists=("chain", name) in there)
    for name, items in base.elements.items():
        transaction.elements("add", name, list(items), early=_must_exist_first(("set", name), there))


def _must_exist_first(item: Object, there: set[Object]) -> bool:
    """Return whether live rules will reference an object that does not exist yet; a new table has no live rules."""
    return bool(there) and item not in there


def _declare_set(transaction: Transaction, name: str, spec: NamedSet, *, exists: bool, early: bool) -> None:
    early = early and spec.elements is not None  # a set that packets fill has no content that could come too late
    transaction.declare("set", name, spec.spec, early=early)
    if spec.elements is not None:
        if exists:
            transaction.flush("set", name, early=early)
        transaction.elements("add", name, spec.elements, early=early)


def _replace_elements(transaction: Transaction, old: Elements, new: Elements) -> None:
    for name in old.keys() | new.keys():
        before, after = old.get(name, {}), new.get(name, {})
        if before == after:
            continue
        transaction.elements("delete", name, [key for key, verdict in before.items() if after.get(key) != verdict])
        fresh = [element(key, verdict) for key, verdict in after.items() if before.get(key) != verdict]
        transaction.elements("add", name, fresh)


def _objects(rules: Rules) -> set[Object]:
    found = {("chain", name) for name in rules.chains}
    return found | {("set", name) for name in rules.sets} | {("map", name) for name in rules.weight_maps}


def _base_objects(base: BaseRuleset) -> set[Object]:
    found = {("chain", name) for name in base.chains}
    return found | {("set", name) for name in base.sets} | {("map", name) for name in base.maps}

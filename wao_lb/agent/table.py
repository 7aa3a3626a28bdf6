"""One table as it is in the kernel, and the transactions that bring it to what is wanted. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wao_lb.agent.base_chains import COMMENT, Skeleton, skeleton
from wao_lb.agent.model import HAIRPINS, NO_RULES, NO_WEIGHTS, Rules, SetSpec, Setup, Split, Weights
from wao_lb.agent.split import Key, Range, differs, ranges, shares, slots
from wao_lb.agent.transaction import Script, element

Elements = dict[str, dict[str, str]]
Object = tuple[str, str]
"""Kind ("chain", "map", "set") and name."""
GRACE = 1.5
"""Seconds from the transaction that makes a map useless to the one that deletes it, and on to that of its chains.

Kernels before 6.2 cannot drop an element and the chain it leads to in one transaction.
"""


@dataclass(frozen=True, slots=True)
class Held:
    """What the kernel's table holds: its objects without anonymous sets, and the number of its rules."""

    objects: frozenset[Object]
    rules: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Transactions, in their order, and what holds once they are done."""

    texts: tuple[str, ...]
    rules: Mapping[str, Rules]
    elements: Elements
    splits: Mapping[str, tuple[Range, ...]]
    retired: frozenset[Object] = frozenset()
    revived: frozenset[Object] = frozenset()
    full: bool = False


@dataclass(slots=True)
class Table:
    """Our table of one family, as the last successful transaction left it.

    Attributes
    ----------
    retired
        What is not used any more and is to be deleted, chains emptied, with the time from which on it may be.
    """

    setup: Setup
    rules: dict[str, Rules] = field(default_factory=dict)
    elements: Elements = field(default_factory=dict)
    splits: dict[str, tuple[Range, ...]] = field(default_factory=dict)
    retired: dict[Object, float] = field(default_factory=dict)
    _looked_at: dict[str, Mapping[Key, float]] = field(default_factory=dict)  # weights that were compared last, by map

    def change(self, wanted: Mapping[str, Rules], elements: Elements, weights: Weights) -> Plan:
        """Return the transactions that give some Services other rules; `NO_RULES` removes one."""
        script, splits = Script(self.setup.family), {}
        retired: set[Object] = set()
        revived: set[Object] = set()
        for key, new in wanted.items():
            old = self.rules.get(key, NO_RULES)
            served = bool(old.chains)
            for name, rules in new.chains.items():
                if old.chains.get(name) != rules:
                    script.chain(name, rules, exists=name in old.chains or ("chain", name) in self.retired)
            for name, spec in new.sets.items():
                if old.sets.get(name) != spec:
                    exists = name in old.sets or ("set", name) in self.retired
                    _declare_set(script, name, spec, exists=exists, early=served and name not in old.sets)
            for name, split in new.splits.items():
                if old.splits.get(name) != split:
                    splits[name] = content(split, weights)
                    exists = name in old.splits or ("map", name) in self.retired
                    early = served and name not in old.splits
                    script.weights(name, split.spec, splits[name], exists=exists, early=early)
            retired |= _objects(old) - _objects(new)
            revived |= _objects(new)
        _replace_elements(script, self.elements, elements)
        for kind, name in sorted(retired):
            script.retire(kind, name)
        return Plan(script.texts(), wanted, elements, splits, frozenset(retired), frozenset(revived))

    def load(
        self,
        wanted: Mapping[str, Rules],
        elements: Elements,
        weights: Weights,
        *,
        existing: Iterable[Object] = (),
        anew: bool = False,
    ) -> Plan:
        """Return the transactions that make the whole table, in place of whatever is there.

        Parameters
        ----------
        existing
            What the kernel's table holds; foreign objects in it are later deleted, chains emptied first. Maps that
            stand there are taken to be in use: one that was not swept yet shows its old content for a moment.
        anew
            Delete the table first: for one that cannot be changed in place.
        """
        script, splits, there = Script(self.setup.family), {}, set() if anew else set(existing)
        script.table(COMMENT, anew=anew)
        base = skeleton(self.setup)
        _write_skeleton(script, base, there)
        for rules in wanted.values():
            for name, lines in rules.chains.items():
                script.chain(name, lines, exists=("chain", name) in there)
            for name, spec in rules.sets.items():
                at = ("set", name)
                _declare_set(script, name, spec, exists=at in there, early=_comes_first(at, there))
            for name, split in rules.splits.items():
                splits[name] = content(split, weights)
                at = ("map", name)
                script.weights(name, split.spec, splits[name], exists=at in there, early=_comes_first(at, there))
        for name, items in elements.items():
            script.elements("add", name, [element(key, verdict) for key, verdict in items.items()])
        kept = _skeleton_objects(base).union(*(_objects(rules) for rules in wanted.values()))
        retired = there - kept
        for kind, name in sorted(retired):
            script.retire(kind, name)
        return Plan(script.texts(), wanted, elements, splits, frozenset(retired), frozenset(kept), full=True)

    def reweigh(self, weights: Weights, *, tolerance: float = 0.0) -> dict[str, tuple[Range, ...]]:
        """Return the new content of the weight maps in which a share moved by more than `tolerance` of itself."""
        changed = {}
        for rules in self.rules.values():
            for name, split in rules.splits.items():
                known = weights.get((split.service, *split.port), NO_WEIGHTS)
                looked_at = self._looked_at.get(name)
                if looked_at is known or looked_at == known:  # nearly always the former, and that is quick
                    continue
                fresh = content(split, weights)
                if differs(self.splits[name], fresh, tolerance):
                    changed[name] = fresh
                self._looked_at[name] = known
        return changed

    def commit(self, plan: Plan, now: float) -> None:
        """Note that a transaction succeeded; what it retired may be deleted after a while."""
        if plan.full:
            self.rules, self.splits = {}, {}
        for key, rules in plan.rules.items():
            for name in self.rules.get(key, NO_RULES).splits.keys() - rules.splits.keys():
                self.splits.pop(name, None)
            if rules is NO_RULES:
                self.rules.pop(key, None)
            else:
                self.rules[key] = rules
        self.elements = plan.elements
        self.splits.update(plan.splits)
        for name in [name for name in self._looked_at if name in plan.splits or name not in self.splits]:
            del self._looked_at[name]
        for item in plan.revived:
            self.retired.pop(item, None)
        for item in plan.retired - plan.revived:
            self.retired[item] = now + GRACE if item[0] == "map" else now + GRACE + GRACE

    def held(self) -> Held:
        """Return what the kernel's table must hold; what is retired is there and has no rules."""
        base = skeleton(self.setup)
        kept = _skeleton_objects(base).union(self.retired, *(_objects(rules) for rules in self.rules.values()))
        chains = [base.chains, *(rules.chains for rules in self.rules.values())]
        return Held(frozenset(kept), sum(len(lines) for part in chains for lines in part.values()))

    def sweep(self, now: float) -> tuple[str, list[Object]]:
        """Return the transaction that deletes what is due, "" for nothing, and what that is; then call `swept`.

        When it is late, chains wait for those maps to go first that may still lead to them.
        """
        late = {item: at for item, at in self.retired.items() if at <= now}
        blocked = min((at + GRACE for (kind, _), at in late.items() if kind == "map"), default=math.inf)
        due = sorted(item for item, at in late.items() if item[0] == "map" or at < blocked)
        script = Script(self.setup.family)
        for kind, name in due:
            script.delete(kind, name)
        return "".join(script.texts()), due

    def swept(self, deleted: Iterable[Object], now: float) -> None:
        """Note that objects were deleted; what had to wait for them waits until the kernel has let go of them."""
        for item in deleted:
            del self.retired[item]
        for item, at in self.retired.items():
            if at <= now:
                self.retired[item] = now + GRACE


def content(split: Split, weights: Weights) -> tuple[Range, ...]:
    """Return the content of a weight map under these weights."""
    keys = [key for key, _ in split.targets]
    known = weights.get((split.service, *split.port), {})
    return ranges([target for _, target in split.targets], slots(shares(keys, known)))


def merge(wanted: Mapping[str, Rules], order: Iterable[str]) -> tuple[Elements, list[tuple[str, str]]]:
    """Return the elements of all Services' shared maps, and (Service, key) of those that another Service has already.

    An endpoint may be of several Services: it is among the hairpins as long as any of them has it.

    Parameters
    ----------
    order
        Keys of the Services; the first one that wants an address and port gets it.
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


def _write_skeleton(script: Script, base: Skeleton, there: set[Object]) -> None:
    for kind, specs in (("map", base.maps), ("set", base.sets)):
        for name, spec in specs.items():
            script.declare(kind, name, spec, early=_comes_first((kind, name), there))
            if (kind, name) in there:
                script.flush(kind, name)
    for name, hook in base.base_chains.items():
        script.chain(name, base.chains[name], hook=hook, exists=("chain", name) in there)
    for name, rules in base.chains.items():
        if name not in base.base_chains:
            script.chain(name, rules, exists=("chain", name) in there)
    for name, items in base.elements.items():
        script.elements("add", name, list(items), early=_comes_first(("set", name), there))


def _comes_first(item: Object, there: set[Object]) -> bool:
    """Return whether rules that packets pass already will turn to an object that is new; in a new table none does."""
    return bool(there) and item not in there


def _declare_set(script: Script, name: str, spec: SetSpec, *, exists: bool, early: bool) -> None:
    early = early and spec.elements is not None  # what packets fill has nothing that could come too late
    script.declare("set", name, spec.spec, early=early)
    if spec.elements is not None:
        if exists:
            script.flush("set", name, early=early)
        script.elements("add", name, spec.elements, early=early)


def _replace_elements(script: Script, old: Elements, new: Elements) -> None:
    for name in old.keys() | new.keys():
        before, after = old.get(name, {}), new.get(name, {})
        if before == after:
            continue
        script.elements("delete", name, [key for key, verdict in before.items() if after.get(key) != verdict])
        fresh = [element(key, verdict) for key, verdict in after.items() if before.get(key) != verdict]
        script.elements("add", name, fresh)


def _objects(rules: Rules) -> set[Object]:
    found = {("chain", name) for name in rules.chains}
    return found | {("set", name) for name in rules.sets} | {("map", name) for name in rules.splits}


def _skeleton_objects(base: Skeleton) -> set[Object]:
    found = {("chain", name) for name in base.chains}
    return found | {("set", name) for name in base.sets} | {("map", name) for name in base.maps}

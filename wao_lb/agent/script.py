"""Commands of `nft -f`, one a line, in an order in which each refers only to what stands before it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wao_lb.agent.family import Family
from wao_lb.agent.names import TABLE
from wao_lb.agent.split import Range

ELEMENTS_A_LINE = 500


class Script:
    """One transaction on our table of one family."""

    def __init__(self, family: Family) -> None:
        self._at = f"{family.nft} {TABLE}"
        # chains before maps: nft 1.0.6 does not find a chain that is added after the map whose elements name it
        self._parts: dict[str, list[str]] = {
            part: [] for part in ("table", "chains", "declare", "rules", "remove", "fill", "retire")
        }

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not any(self._parts.values())

    def text(self) -> str:
        """Return the commands."""
        return "".join(f"{line}\n" for part in self._parts.values() for line in part)

    def table(self, comment: str, *, anew: bool = False) -> None:
        """Add the table; `anew` removes one that is there, which loses connections that are being made."""
        add = f'add table {self._at} {{ comment "{comment}"; }}'
        self._parts["table"] += [add, f"delete table {self._at}", add] if anew else [add]

    def declare(self, kind: str, name: str, spec: str) -> None:
        """Add a map or a set; one that is there stays as it is."""
        self._parts["declare"].append(f"add {kind} {self._at} {name} {{ {spec} }}")

    def chain(self, name: str, rules: Iterable[str], *, hook: str = "", exists: bool = True) -> None:
        """Add a chain, or replace the rules of one that exists."""
        spec = f" {{ {hook} }}" if hook else ""
        self._parts["chains"].append(f"add chain {self._at} {name}{spec}")
        if exists:
            self._parts["chains"].append(f"flush chain {self._at} {name}")
        self._parts["rules"] += [f"add rule {self._at} {name} {rule}" for rule in rules]

    def weights(self, name: str, content: Sequence[Range], *, exists: bool = True) -> None:
        """Replace the content of a weight map."""
        if exists:
            self._parts["remove"].append(f"flush map {self._at} {name}")
        self.elements("add", name, [f"{_interval(item)} : {_data(item)}" for item in content])

    def flush(self, kind: str, name: str) -> None:
        """Empty a map or a set."""
        self._parts["remove"].append(f"flush {kind} {self._at} {name}")

    def elements(self, verb: str, name: str, items: Sequence[str]) -> None:
        """Add or delete elements of a map or a set."""
        part = self._parts["fill" if verb == "add" else "remove"]
        for start in range(0, len(items), ELEMENTS_A_LINE):
            part.append(f"{verb} element {self._at} {name} {{ {', '.join(items[start : start + ELEMENTS_A_LINE])} }}")

    def retire(self, kind: str, name: str) -> None:
        """Empty a chain that is not needed any more, for `delete` later: kernels before 6.2 cannot do both at once.

        Maps and sets stay as they are: a packet that is on the old rule may still look one up.
        """
        if kind == "chain":
            self._parts["retire"].append(f"flush {kind} {self._at} {name}")

    def delete(self, kind: str, name: str) -> None:
        """Delete a chain, map or set that nothing refers to."""
        self._parts["retire"].append(f"delete {kind} {self._at} {name}")


def delete_tables(families: Iterable[Family]) -> str:
    """Return the commands that remove our tables and nothing else, whether they are there or not."""
    return "".join(f"add table {family.nft} {TABLE}\ndelete table {family.nft} {TABLE}\n" for family in families)


def element(key: str, verdict: str) -> str:
    """Return an element of a map, or of a set when there is no verdict."""
    return f"{key} : {verdict}" if verdict else key


def _interval(item: Range) -> str:
    return f"{item.first}-{item.last}" if item.last > item.first else f"{item.first}"


def _data(item: Range) -> str:
    return f"goto {item.target}" if isinstance(item.target, str) else "{} . {}".format(*item.target)

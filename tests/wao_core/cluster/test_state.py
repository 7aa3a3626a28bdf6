"""The tables of records, and the listeners to their changes."""

from __future__ import annotations

import pytest

from wao_core.cluster.records import Kind, Node
from wao_core.cluster.state import Change, ClusterState


def node(name: str, cores: float = 1.0) -> Node:
    return Node(name=name, capacity_cores=cores)


class Site:
    """A state, and the changes that it reports."""

    def __init__(self) -> None:
        self.state = ClusterState()
        self.changes: list[Change] = []
        self.unsubscribe = self.state.subscribe([Kind.NODE], self.changes.append)

    @property
    def seen(self) -> list[tuple[str, bool, bool]]:
        return [(change.key, change.old is not None, change.new is not None) for change in self.changes]


@pytest.fixture
def site() -> Site:
    return Site()


def test_only_differences_are_changes(site: Site) -> None:
    for record in (node("a"), node("a"), node("a", 2.0)):
        site.state.put(Kind.NODE, record)
    site.state.remove(Kind.NODE, "a")
    site.state.remove(Kind.NODE, "a")
    assert site.seen == [("a", False, True), ("a", True, True), ("a", True, False)]
    assert site.state.version == 3


def test_replacing_a_table_reports_the_differences_and_keeps_the_given_keys(site: Site) -> None:
    site.state.replace(Kind.NODE, [node("a"), node("b"), node("c")])
    site.changes.clear()
    site.state.replace(Kind.NODE, [node("a"), node("d")], keep={"b"})
    assert site.state.nodes.keys() == {"a", "b", "d"}
    assert site.seen == [("c", True, False), ("d", False, True)]


def test_a_kind_is_synced_and_has_an_age_once_it_is_confirmed(site: Site) -> None:
    assert not site.state.synced([Kind.NODE])
    assert site.state.age(Kind.NODE) is None
    site.state.confirm(Kind.NODE)
    assert site.state.synced([Kind.NODE])
    assert not site.state.synced([Kind.NODE, Kind.POD])
    assert (site.state.age(Kind.NODE) or 0.0) >= 0.0


def test_a_listener_that_fails_does_not_affect_the_others(caplog: pytest.LogCaptureFixture) -> None:
    state, seen = ClusterState(), []

    def broken(change: Change) -> None:
        raise ZeroDivisionError

    state.subscribe([Kind.NODE], broken)
    state.subscribe([Kind.NODE], lambda change: seen.append(change.key))
    state.put(Kind.NODE, node("a"))
    assert seen == ["a"]
    assert "ZeroDivisionError" in caplog.text


def test_a_listener_can_unsubscribe(site: Site) -> None:
    site.unsubscribe()
    site.unsubscribe()
    site.state.put(Kind.NODE, node("a"))
    assert site.changes == []

"""Nodes that carry the marks of standby although nobody could wake them."""

from __future__ import annotations

import msgspec

from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Node, Taint
from wao_core.cluster.sleeping import STANDBY
from wao_fleet.standby.forgotten import STEADY, ForgottenNodes

MARKED = Node(name="n1", taints=(Taint(key=DRAINING, value=STANDBY, effect="PreferNoSchedule"),), ready=False)
READY = msgspec.structs.replace(MARKED, ready=True)


def test_a_marked_node_is_reported_once_until_its_marks_are_gone() -> None:
    nodes = ForgottenNodes()
    assert nodes.look([MARKED], (), 0.0) == ([MARKED], [])
    assert nodes.look([MARKED], (), 1.0) == ([], [])
    assert nodes.look([Node(name="n1")], (), 2.0) == ([], [])
    assert nodes.look([MARKED], (), 3.0) == ([MARKED], [])


def test_a_node_that_a_sequence_is_about_is_not_forgotten() -> None:
    assert ForgottenNodes().look([MARKED], {"n1"}, 0.0) == ([], [])


def test_a_node_is_given_back_when_it_has_been_ready_for_a_minute_without_a_break() -> None:
    nodes = ForgottenNodes()
    assert nodes.look([READY], (), 0.0) == ([], [])
    nodes.look([MARKED], (), 1.0)
    assert nodes.look([READY], (), STEADY) == ([], [])
    assert nodes.look([READY], (), 2 * STEADY - 1.0) == ([], [])
    assert nodes.look([READY], (), 2 * STEADY) == ([], [READY])

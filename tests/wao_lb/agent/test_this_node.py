"""What is known of the Node object of this node when it is deleted, comes back, or is incomplete."""

from __future__ import annotations

import logging

import pytest

from wao_core.cluster.records import Node, Taint
from wao_lb.agent.this_node import TO_BE_DELETED, ThisNode

ADDRESSES = (("InternalIP", "192.0.2.1"),)
NODE = Node(name="node-1", addresses=ADDRESSES, pod_cidrs=("10.1.0.0/24",))


def test_a_deleted_node_stays_as_last_known_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    node = ThisNode("node-1", NODE)
    node.update(None)
    assert node.known == NODE
    assert node.ineligible() is None
    assert "Node node-1 was deleted" in caplog.text


def test_health_does_not_improve_when_the_node_is_deleted() -> None:
    node = ThisNode("node-1", Node(name="node-1", taints=(Taint(TO_BE_DELETED),)))
    before = node.ineligible()
    node.update(None)
    assert before is not None
    assert before == node.ineligible()


def test_a_node_that_comes_back_replaces_what_was_known(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    node = ThisNode("node-1", Node(name="node-1", addresses=ADDRESSES, taints=(Taint(TO_BE_DELETED),)))
    node.update(None)
    back = Node(name="node-1", addresses=(("InternalIP", "192.0.2.9"),))
    node.update(back)
    assert back == node.known
    assert node.ineligible() is None
    assert "exists again" in caplog.text


@pytest.mark.parametrize(
    ("lacking", "expected", "logged"),
    [
        (Node(name="node-1"), NODE, "states no addresses and no pod_cidrs"),
        (
            Node(name="node-1", addresses=(("Hostname", "node-1"),), pod_cidrs=("10.1.0.0/24",)),
            NODE,
            "states no addresses",
        ),
        (Node(name="node-1", addresses=ADDRESSES), NODE, "states no pod_cidrs"),
        (
            Node(name="node-1", pod_cidrs=("10.9.0.0/24",)),
            Node(name="node-1", addresses=ADDRESSES, pod_cidrs=("10.9.0.0/24",)),
            "states no addresses",
        ),
    ],
)
@pytest.mark.parametrize("deleted", [False, True])
def test_a_node_without_addresses_or_pod_cidrs_keeps_the_last_known_ones(
    lacking: Node, expected: Node, logged: str, deleted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A Node that registers again has none until other controllers fill them in."""
    node = ThisNode("node-1", NODE)
    if deleted:
        node.update(None)
    node.update(lacking)
    assert expected == node.known
    assert logged in caplog.text


def test_a_name_without_a_node_is_ineligible_until_the_node_appears() -> None:
    node = ThisNode("nod-1", None)
    assert "--node-name" in str(node.ineligible())
    node.update(Node(name="nod-1"))
    assert node.ineligible() is None


@pytest.mark.parametrize(
    "leaving", [Node(name="a", taints=(Taint("x"), Taint(TO_BE_DELETED))), Node(name="a", terminating=True)]
)
def test_a_node_that_is_about_to_be_deleted_is_ineligible(leaving: Node) -> None:
    assert "about to be deleted" in str(ThisNode("a", leaving).ineligible())

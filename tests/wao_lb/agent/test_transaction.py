"""Commands of nft: their order, their stages, and their size."""

from __future__ import annotations

import re

import pytest

from wao_lb.agent.family import FAMILIES, IPV4, IPV6
from wao_lb.agent.slots import Range
from wao_lb.agent.transaction import ELEMENTS_A_LINE, Transaction, delete_tables, element

AT = "ip wao-loadbalancer"
HALVES = (Range(0, 8388607, ("10.1.0.1", 8080)), Range(8388608, 16777215, ("10.1.0.2", 8080)))


def test_nothing_to_do_is_no_transaction() -> None:
    assert () == Transaction(IPV4).texts()


def test_commands_refer_only_to_objects_of_earlier_commands_whatever_the_order_of_the_calls() -> None:
    made = Transaction(IPV4)
    made.delete("map", "old")
    made.elements("add", "service-ips", ["10.96.0.1 . tcp . 80 : goto web"])
    made.elements("delete", "service-ips", ["10.96.0.9 . tcp . 80"])
    made.chain("web", ["meta l4proto tcp dnat to 10.1.0.1:8080"], exists=False)
    made.declare("map", "service-ips", "type ipv4_addr . inet_proto . inet_service : verdict;")
    made.table("ours")
    (text,) = made.texts()
    assert [
        f'add table {AT} {{ comment "ours"; }}',
        f"add chain {AT} web",
        f"add map {AT} service-ips {{ type ipv4_addr . inet_proto . inet_service : verdict; }}",
        f"add rule {AT} web meta l4proto tcp dnat to 10.1.0.1:8080",
        f"delete element {AT} service-ips {{ 10.96.0.9 . tcp . 80 }}",
        f"add element {AT} service-ips {{ 10.96.0.1 . tcp . 80 : goto web }}",
        f"delete map {AT} old",
    ] == text.splitlines()


def test_the_rules_of_a_chain_that_exists_are_replaced() -> None:
    made = Transaction(IPV6)
    made.chain("web", ["drop"], hook="type filter hook forward priority -111;")
    (text,) = made.texts()
    at = "ip6 wao-loadbalancer"
    assert [
        f"add chain {at} web {{ type filter hook forward priority -111; }}",
        f"flush chain {at} web",
        f"add rule {at} web drop",
    ] == text.splitlines()


@pytest.mark.parametrize("exists", [False, True])
def test_a_weight_map_of_an_unused_name_is_written_one_transaction_earlier(exists: bool) -> None:
    """Packets in flight see new rules before the content of a map that is new in the same transaction."""
    made = Transaction(IPV4)
    made.weights("split-web", "flags interval;", HALVES, exists=exists, early=True)
    made.chain("web", ["dnat to numgen map @split-web"])
    early, main = made.texts()
    content = "{ 0-8388607 : 10.1.0.1 . 8080, 8388608-16777215 : 10.1.0.2 . 8080 }"
    flush = [f"flush map {AT} split-web"] if exists else []
    assert [
        f"add map {AT} split-web {{ flags interval; }}",
        *flush,
        f"add element {AT} split-web {content}",
    ] == early.splitlines()
    assert "split-web" not in main.replace("@split-web", "")


def test_chains_that_an_early_map_leads_to_are_added_before_it() -> None:
    made = Transaction(IPV4)
    content = [Range(0, 99, "endpoint-a"), Range(100, 100, "endpoint-b"), Range(101, 199, "endpoint-a")]
    made.weights("weights-web", "flags interval;", content, exists=False, early=True)
    (early,) = made.texts()
    lines = early.splitlines()
    assert [f"add chain {AT} endpoint-a", f"add chain {AT} endpoint-b"] == lines[:2]
    assert lines[-1].endswith("{ 0-99 : goto endpoint-a, 100 : goto endpoint-b, 101-199 : goto endpoint-a }")


def test_an_unused_chain_keeps_its_rules_one_transaction_longer_and_maps_stay() -> None:
    made = Transaction(IPV4)
    made.retire("chain", "gone")
    made.retire("map", "split-gone")
    made.chain("web", ["drop"])
    main, late = made.texts()
    assert "gone" not in main
    assert [f"flush chain {AT} gone"] == late.splitlines()


def test_a_recreated_table_is_deleted_in_between() -> None:
    made = Transaction(IPV4)
    made.table("ours", recreate=True)
    (text,) = made.texts()
    assert ["add", "delete", "add"] == [line.split()[0] for line in text.splitlines()]


@pytest.mark.parametrize("count", [0, 1, ELEMENTS_A_LINE, ELEMENTS_A_LINE + 1, 3 * ELEMENTS_A_LINE])
def test_elements_are_split_over_lines_and_none_is_lost(count: int) -> None:
    made = Transaction(IPV4)
    wanted = [f"10.0.{number // 256}.{number % 256}" for number in range(count)]
    made.elements("add", "cluster-ips", wanted)
    lines = "".join(made.texts()).splitlines()
    assert -(-count // ELEMENTS_A_LINE) == len(lines)
    assert wanted == [address for line in lines for address in re.findall(r"\d+\.\d+\.\d+\.\d+", line)]


def test_the_deletion_of_our_tables_names_no_other_and_succeeds_without_them() -> None:
    lines = delete_tables(FAMILIES).splitlines()
    assert [f"{verb} table {ip} wao-loadbalancer" for ip in ("ip", "ip6") for verb in ("add", "delete")] == lines


@pytest.mark.parametrize(("verdict", "text"), [("", "10.0.0.1"), ("drop", "10.0.0.1 : drop")])
def test_an_element_of_a_set_has_no_verdict(verdict: str, text: str) -> None:
    assert text == element("10.0.0.1", verdict)

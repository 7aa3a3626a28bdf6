"""Transactions: whatever happens in whatever order, the table ends as a fresh load would make it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wao_lb.agent.services import EXPOSED, WEB, both, endpoint, part, rules_of, service, setup
from tests.wao_lb.agent.simulated import RefusedError, SimulatedTable
from wao_lb.agent.base_chains import base_ruleset
from wao_lb.agent.model import HAIRPINS, NO_RULES, Rules, Weights
from wao_lb.agent.table import Table, TableUpdate, content, merge

SHAPES: list[dict[str, Any]] = [
    {},
    {"session_affinity": "ClientIP"},
    {"session_affinity": "ClientIP", "affinity_timeout": 60},
    {"internal_traffic_policy": "Local"},
    {"type": "NodePort"},
    dict(EXPOSED),
    dict(EXPOSED) | {"external_traffic_policy": "Local"},
    dict(EXPOSED) | {"source_ranges": ("192.0.2.0/24",)},
]


def rules(name: str, shape: int, numbers: frozenset[int]) -> Rules:
    index = "abc".index(name[-1])
    fields = SHAPES[shape] | {"name": "web", "cluster_ips": (f"10.96.0.{index + 1}",), "namespace": name}
    slices = [type(item)(**{key: getattr(item, key) for key in item.__struct_fields__} | {"namespace": name})
              for item in both(*sorted(numbers))] if numbers else []  # fmt: skip
    return rules_of(service(**fields, ports=(WEB.__class__(port=80, name="http", node_port=30080 + index),)),
                    slices, setup())  # fmt: skip


def load(table: Table, kernel: SimulatedTable, wanted: dict[str, Rules], **more: Any) -> TableUpdate:
    plan = table.load(wanted, merge(wanted, wanted)[0], {}, **more)
    kernel.run(*plan.texts)
    table.commit(plan, 0.0)
    return plan


STEP = st.tuples(
    st.sampled_from(["ns-a", "ns-b", "ns-c"]),
    st.integers(0, len(SHAPES) - 1),
    st.frozensets(st.integers(1, 4), max_size=4),
    st.booleans(),  # whether the Service is there at all
    st.booleans(),  # whether what is due is swept afterwards
)


@settings(max_examples=60)
@given(st.lists(STEP, min_size=1, max_size=8))
def test_changes_end_where_a_fresh_load_does(steps: list[tuple[str, int, frozenset[int], bool, bool]]) -> None:
    kernel, table = SimulatedTable(), Table(setup())
    wanted: dict[str, Rules] = {}
    load(table, kernel, wanted)
    for now, (name, shape, numbers, there, sweeps) in enumerate(steps):
        key = f"{name}/web"
        wanted.pop(key, None)
        if there:
            wanted[key] = rules(name, shape, numbers)
        plan = table.change({key: wanted.get(key, NO_RULES)}, merge(wanted, sorted(wanted))[0], {})
        kernel.run(*plan.texts)
        table.commit(plan, float(now))
        if sweeps:
            sweep(table, kernel, now + 10.0)
    for late in (1e9, 2e9):  # so late that maps and chains are due together
        sweep(table, kernel, late)
    fresh = SimulatedTable()
    fresh.run(*Table(setup()).load(wanted, merge(wanted, sorted(wanted))[0], {}).texts)
    assert (fresh.chains, fresh.maps, fresh.sets) == (kernel.chains, kernel.maps, kernel.sets)
    # and a full load over what is there changes nothing
    again = Table(setup())
    kernel.run(*again.load(wanted, merge(wanted, sorted(wanted))[0], {}, existing=objects(kernel)).texts)
    assert (fresh.chains, fresh.maps, fresh.sets) == (kernel.chains, kernel.maps, kernel.sets)


def sweep(table: Table, kernel: SimulatedTable, now: float) -> list[tuple[str, str]]:
    """Delete what is due, and return what that was."""
    text, due = table.sweep(now)
    kernel.run(text)
    table.swept(due, now)
    return due


def objects(kernel: SimulatedTable) -> set[tuple[str, str]]:
    found = {("chain", name) for name in kernel.chains} | {("map", name) for name in kernel.maps}
    return found | {("set", name) for name in kernel.sets}


@settings(max_examples=60)
@given(st.lists(STEP, min_size=2, max_size=8), st.booleans())
def test_no_packet_meets_what_a_transaction_has_not_finished(
    steps: list[tuple[str, int, frozenset[int], bool, bool]], recreate: bool
) -> None:
    """Rules show before the content of new interval maps: these come one transaction earlier. What a map leads to loses
    its rules one transaction later. So it is in changes, and in a load over what an agent left and had swept."""
    kernel, table = SimulatedTable(), Table(setup())
    wanted: dict[str, Rules] = {}
    load(table, kernel, wanted)
    for name, shape, numbers, _, _ in steps:
        key = f"{name}/web"
        served, wanted[key] = bool(wanted.get(key, NO_RULES).chains), rules(name, shape, numbers)
        if recreate:
            table = Table(setup())
            plan = table.load(wanted, merge(wanted, wanted)[0], {}, existing=objects(kernel))
        else:
            plan = table.change({key: wanted[key]}, merge(wanted, wanted)[0], {})
        for text in plan.texts:
            before, used, reached = intervals(kernel), looked_up(kernel.chains.values()), reachable(kernel)
            kernel.run(text)
            changed = {name for name, items in intervals(kernel).items() if before.get(name, {}) != items}
            assert not served or not changed & (looked_up(kernel.chains.values()) - used)
            assert not reached & {chain for chain, lines in kernel.chains.items() if not lines}
        table.commit(plan, 0.0)
        for late in (1e9, 2e9) if recreate else ():
            sweep(table, kernel, late)


def intervals(kernel: SimulatedTable) -> dict[str, dict[str, str]]:
    """Return the content of the interval maps and sets."""
    found = {name for name, spec in kernel.specs.items() if "flags interval" in spec}
    return {name: dict(items) for name, items in (kernel.maps | kernel.sets).items() if name in found}


def looked_up(rules_of_chains: Iterable[list[str]]) -> set[str]:
    """Return the maps and sets that rules turn to."""
    return {name for lines in rules_of_chains for line in lines for name in re.findall(r"@(\S+)", line)}


def reachable(kernel: SimulatedTable) -> set[str]:
    """Return the chains that a packet can come to."""
    found: set[str] = set()
    following = set(base_ruleset(setup()).base_chains) & kernel.chains.keys()
    while following:
        found |= following
        lines = [kernel.chains[name] for name in following]
        targets = {target for part in lines for line in part for target in re.findall(r"(?:goto|jump) (\S+)", line)}
        for name in looked_up(lines) & kernel.maps.keys():
            targets |= {verdict.removeprefix("goto ") for verdict in kernel.maps[name].values() if "goto " in verdict}
        following = targets - found
    return found


def test_what_is_the_same_writes_nothing() -> None:
    kernel, table = SimulatedTable(), Table(setup())
    wanted = {"ns-a/web": rules("ns-a", 5, frozenset({1, 2}))}
    load(table, kernel, wanted)
    assert () == table.change({"ns-a/web": rules("ns-a", 5, frozenset({1, 2}))}, merge(wanted, wanted)[0], {}).texts


def test_a_change_of_one_service_names_no_other() -> None:
    kernel, table = SimulatedTable(), Table(setup())
    wanted = {f"{name}/web": rules(name, 0, frozenset({1, 2})) for name in ("ns-a", "ns-b")}
    load(table, kernel, wanted)
    wanted["ns-a/web"] = rules("ns-a", 0, frozenset({1, 2, 3}))
    text = "".join(table.change({"ns-a/web": wanted["ns-a/web"]}, merge(wanted, wanted)[0], {}).texts)
    assert "ns-a/web" in text
    assert "ns-b" not in text


def test_sets_that_packets_fill_are_never_flushed() -> None:
    kernel, table = SimulatedTable(), Table(setup())
    load(table, kernel, {"ns-a/web": rules("ns-a", 1, frozenset({1, 2}))})
    plan = load(table, kernel, {"ns-a/web": rules("ns-a", 1, frozenset({1, 2, 3}))}, existing=objects(kernel))
    text = "".join(plan.texts)
    assert "affinity-10800" in text
    assert "flush set ip wao-loadbalancer affinity" not in text


def test_what_the_table_contains_and_is_not_wanted_is_emptied_then_deleted() -> None:
    kernel, table = SimulatedTable(), Table(setup())
    kernel.run("add chain ip wao-loadbalancer old\nadd rule ip wao-loadbalancer old drop\n")
    load(table, kernel, {}, existing=objects(kernel))
    assert [] == kernel.chains["old"]
    assert ("", []) == table.sweep(1.0)
    sweep(table, kernel, 3.0)
    assert "old" not in kernel.chains


STICKY, DIRECT = rules("ns-a", 1, frozenset({1, 2})), rules("ns-a", 0, frozenset({1, 2}))


def test_a_map_that_no_rule_looks_up_any_more_keeps_its_content_until_it_goes() -> None:
    """A packet that is on the old rule still finds its endpoint."""
    kernel, table = SimulatedTable(), Table(setup())
    load(table, kernel, {"ns-a/web": STICKY})
    (name,) = (name for name in kernel.maps if name.startswith("weights-"))
    kernel.run(*change(table, {"ns-a/web": DIRECT}, 0.0).texts)
    assert 2 == len(kernel.maps[name])
    assert not [rule for rules in kernel.chains.values() for rule in rules if name in rule]
    sweep(table, kernel, 2.0)
    assert name not in kernel.maps


@pytest.mark.parametrize("late", [0.0, 60.0])
def test_a_map_goes_a_second_at_least_before_the_chains_it_leads_to(late: float) -> None:
    """Kernels before 6.2 refuse both at once."""
    kernel, table = SimulatedTable(), Table(setup())
    load(table, kernel, {"ns-a/web": STICKY})
    kernel.run(*change(table, {"ns-a/web": DIRECT}, 0.0).texts)
    gone: dict[str, float] = {}
    for step in range(60):
        now = late + 0.1 * step
        for kind, _ in sweep(table, kernel, now):
            gone.setdefault(kind, now)
    assert {"map", "chain", "set"} == gone.keys()
    assert gone["chain"] - gone["map"] > 1.0
    assert not table.retired


def test_chains_go_in_time_while_maps_go_all_the_time() -> None:
    kernel, table = SimulatedTable(), Table(setup())
    load(table, kernel, {"ns-a/web": STICKY, "ns-b/web": rules("ns-b", 0, frozenset({1, 2}))})
    kernel.run(*change(table, {"ns-a/web": DIRECT}, 0.0).texts)
    for step in range(40):
        count = 1 + step % 2
        kernel.run(*change(table, {"ns-b/web": rules("ns-b", 0, frozenset(range(count)))}, 0.1 * step).texts)
        sweep(table, kernel, 0.1 * step)
    assert not [name for name in kernel.chains if name.startswith("endpoint-")]


def test_an_endpoint_of_two_services_is_masqueraded_until_both_have_let_it_go() -> None:
    kernel, table = SimulatedTable(), Table(setup())
    wanted = {f"{name}/web": rules(name, 0, frozenset({1, 2})) for name in ("ns-a", "ns-b")}
    load(table, kernel, wanted)
    assert [] == merge(wanted, wanted)[1]
    for key, there in (("ns-a/web", True), ("ns-b/web", False)):
        del wanted[key]
        plan = table.change({key: NO_RULES}, merge(wanted, wanted)[0], {})
        kernel.run(*plan.texts)
        table.commit(plan, 0.0)
        assert there == ("10.1.0.1 . 10.1.0.1" in kernel.sets[HAIRPINS])


def change(table: Table, wanted: dict[str, Rules], now: float) -> TableUpdate:
    """Return the transactions, which are taken for done."""
    plan = table.change(wanted, merge(table.rules | wanted, table.rules)[0], {})
    table.commit(plan, now)
    return plan


def test_the_first_service_keeps_an_address_that_two_want() -> None:
    wanted = {name: rules_of(service(name=name), both(1), setup()) for name in ("first", "second")}
    elements, lost = merge(wanted, ["first", "second"])
    assert "default/first" in elements["service-ips"]["10.96.0.10 . tcp . 80"]
    assert ("second", "10.96.0.10 . tcp . 80") in lost


def test_weights_change_maps_alone_and_only_beyond_the_tolerance() -> None:
    kernel, table = SimulatedTable(), Table(setup())
    load(table, kernel, {"ns-a/web": rules("ns-a", 0, frozenset({1, 2}))})
    slight = known(50.4, 49.6)
    assert {} == table.reweigh(slight, tolerance=0.02)
    (name,) = table.reweigh(known(60.0, 40.0), tolerance=0.02)
    assert name.startswith("split-")
    assert table.reweigh(slight)


def known(first: float, second: float) -> Weights:
    return {("ns-a/web", 80, "TCP"): {("10.1.0.1", 8080): first, ("10.1.0.2", 8080): second}}


def test_the_part_of_this_node_is_split_by_the_same_weights_over_its_own_endpoints() -> None:
    """The reference rounds over all endpoints first, so that of a part little is left."""
    slices = [part(endpoint(1, "node-1"), endpoint(2, "node-1"), endpoint(3, "node-3"))]
    rules = rules_of(service(internal_traffic_policy="Local", type="NodePort"), slices, setup())
    weights = {("10.1.0.1", 8080): 0.001, ("10.1.0.2", 8080): 0.003, ("10.1.0.3", 8080): 99.0}
    (local,) = (split for name, split in rules.weight_maps.items() if name.startswith("split-local-"))
    assert [1 << 22, 3 << 22] == [
        item.last - item.first + 1 for item in content(local, {("default/web", 80, "TCP"): weights})
    ]


def test_a_weight_of_less_than_a_two_hundredth_still_gets_its_share() -> None:
    """The reference's becomes 0."""
    (split,) = rules_of(service(), both(1, 2), setup()).weight_maps.values()
    found = content(split, {("default/web", 80, "TCP"): {("10.1.0.1", 8080): 1.0, ("10.1.0.2", 8080): 999.0}})
    assert round((1 << 24) / 1000) == found[0].last - found[0].first + 1


def test_the_simulation_refuses_what_the_kernel_does() -> None:
    kernel = SimulatedTable()
    with pytest.raises(RefusedError, match="there is no"):
        kernel.run("add chain ip wao-loadbalancer a\nadd rule ip wao-loadbalancer a goto b\n")
    assert {} == kernel.chains  # nothing of it took effect
    kernel.run("add map ip wao-loadbalancer m { typeof a : verdict; }\n")
    with pytest.raises(RefusedError, match="another declaration"):
        kernel.run("add map ip wao-loadbalancer m { typeof a : b; }\n")

"""The syncer over a simulated kernel: what is written, when, and what happens when the kernel refuses."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.fakes.agent_bench import OURS, Bench, running, serving, until
from tests.wao_lb.agent.services import DNS, endpoint, part, service
from wao_core.cluster.records import Kind, Node
from wao_lb.agent.sync import SyncIntervals
from wao_lb.agent.table import GRACE


async def test_nothing_is_written_before_services_and_endpoints_are_known() -> None:
    bench = Bench()
    bench.state.put(Kind.SERVICE, service(labels=OURS))
    bench.state.confirm(Kind.SERVICE)
    async with running(bench):
        await until(lambda: bench.syncer.settled)
        bench.serve(1, 2)
        await until(lambda: bench.syncer.settled)
        assert [] == bench.kernel.scripts
        bench.confirm()
        await until(lambda: bench.syncer.synced)
        assert "split-" in bench.kernel.scripts[0]


async def test_a_label_that_comes_or_goes_is_followed_in_one_sync() -> None:
    async with serving(1, 2) as bench:
        before = len(bench.kernel.scripts)
        bench.serve(1, 2, labels={})
        await until(lambda: len(bench.kernel.scripts) > before)
        assert [] == bench.kernel.chains("default/web") == bench.kernel.chains("default/web", "ip6")
        bench.serve(1, 2)
        await until(lambda: bench.kernel.chains("default/web"))


async def test_a_slice_without_the_label_counts_and_one_of_another_service_writes_nothing() -> None:
    """Only Services carry the label for certain: slices made by hand do not."""
    async with serving(1, 2) as bench:
        before = len(bench.kernel.scripts)
        bench.state.put(Kind.ENDPOINT_SLICE, part(endpoint(9), name="foreign-1", service="foreign"))
        bench.state.put(Kind.ENDPOINT_SLICE, part(endpoint(3), name="by-hand"))
        await until(lambda: bench.kernel.serves("10.1.0.3"))
        assert before + 1 == len(bench.kernel.scripts)


async def test_changes_that_come_together_are_one_transaction() -> None:
    async with serving(1, 2, intervals=SyncIntervals(sync=0.3, verify=60.0)) as bench:
        before = len(bench.kernel.scripts)
        for numbers in ((1,), (1, 3), (1, 2, 3)):
            bench.serve(*numbers)
            await asyncio.sleep(0)  # the loop turns between them
        await until(lambda: bench.kernel.serves("10.1.0.3"))
        assert before + 2 == len(bench.kernel.scripts)  # one of each family


async def test_weights_reach_the_kernel_without_any_change_of_the_service() -> None:
    """The reference's weights are frozen until a Service or its endpoints change."""
    async with serving(1, 2) as bench:
        scripts = len(bench.kernel.scripts)
        bench.weigh(1.0, 3.0)
        await until(lambda: "4194304-16777215" in bench.split)
        bench.weigh(3.0, 1.0)
        await until(lambda: "12582912-16777215" in bench.split)
        assert scripts == len(bench.kernel.scripts)  # no rule was touched


async def test_a_slight_move_and_a_move_too_soon_are_not_written() -> None:
    async with serving(1, 2, intervals=SyncIntervals(sync=0.02, weights=0.4, verify=60.0)) as bench:
        bench.weigh(50.0, 50.2)
        bench.weigh(1.0, 3.0)
        await until(lambda: bench.kernel.weights)
        begin, written = time.monotonic(), len(bench.kernel.weights)
        bench.weigh(1.0, 5.0)
        bench.weigh(1.0, 7.0)
        await until(lambda: "2097152-16777215" in bench.split)
        assert time.monotonic() - begin > 0.2
        assert written + 1 == len(bench.kernel.weights)
        bench.weigh(1.0, 7.05)
        await until(lambda: bench.syncer.settled)
        assert written + 1 == len(bench.kernel.weights)


async def test_a_new_endpoint_without_a_weight_gets_the_mean_at_once() -> None:
    """The reference leaves it without traffic until the Service changes again."""
    async with serving(1, 2) as bench:
        bench.weigh(1.0, 1.0)
        bench.serve(1, 2, 3)
        await until(lambda: bench.kernel.serves("10.1.0.3"))
        assert 3 == len(bench.split)


async def test_weights_that_go_leave_equal_ones() -> None:
    async with serving(1, 2) as bench:
        bench.weigh(1.0, 3.0)
        await until(lambda: "4194304-16777215" in bench.split)
        bench.weights = {}
        bench.syncer.note_weights()
        await until(lambda: "8388608-16777215" in bench.split)


async def test_what_the_kernel_refuses_leaves_the_old_rules_and_is_tried_again() -> None:
    async with serving(1, 2, intervals=SyncIntervals(sync=0.02, verify=60.0, unhealthy_after=0.05)) as bench:
        bench.kernel.broken = "nft refused: no"
        bench.serve(1, 2, 3)
        await until(lambda: bench.syncer.health())
        assert "nft refused: no" in str(bench.syncer.health())
        assert not bench.kernel.serves("10.1.0.3")
        assert bench.kernel.serves("10.1.0.2")
        bench.kernel.broken = ""
        await until(lambda: bench.kernel.serves("10.1.0.3"))
        await until(lambda: bench.syncer.health() is None)


@pytest.mark.parametrize("refused", ["add map", "add rule", "flush chain"])
async def test_whichever_transaction_is_refused_all_is_written_in_the_end(refused: str) -> None:
    """A change may take three: a new map, the rules that turn to it, and the chains that are not used any more."""
    async with serving(1, 2, session_affinity="ClientIP") as bench:
        bench.kernel.refuse_once = refused
        bench.serve(1, 2, 3)
        await until(lambda: not bench.kernel.refuse_once and bench.syncer.health() is None and not bench.syncer.failure)
        await until(lambda: bench.kernel.serves("10.1.0.3"))
        assert 3 == len(bench.split)
        for family, table in bench.syncer.tables.items():
            assert table.expected_contents() == await bench.kernel.table_contents(family)


async def test_a_node_where_something_always_changes_is_healthy() -> None:
    """The age of a change ends with the sync that takes it, not with the first quiet moment."""
    async with serving(1, 2, intervals=SyncIntervals(sync=0.01, verify=60.0, unhealthy_after=0.3)) as bench:
        count = 0

        def change() -> None:
            nonlocal count
            count += 1
            bench.serve(1, 2, 3 + count % 5)

        bench.kernel.then = change
        bench.serve(1, 2, 3)
        deadline = time.monotonic() + 0.8
        while time.monotonic() < deadline:
            assert bench.syncer.health() is None
            await asyncio.sleep(0.01)  # between two looks
        assert count > 5


async def test_a_table_that_is_deleted_or_emptied_by_others_is_written_again() -> None:
    async with serving(1, 2) as bench:
        del bench.kernel.tables["ip"]
        bench.kernel.number += 1
        await until(lambda: bench.kernel.chains("default/web"))
        for rules in bench.kernel.tables["ip6"].chains.values():
            rules.clear()
        bench.kernel.number += 1
        await until(lambda: bench.kernel.chains("default/web", "ip6"))


async def test_weights_for_a_table_that_is_gone_bring_it_back() -> None:
    async with serving(1, 2, intervals=SyncIntervals(sync=0.02, weights=0.02, verify=60.0)) as bench:
        del bench.kernel.tables["ip"]
        bench.weigh(1.0, 3.0)
        await until(lambda: "ip" in bench.kernel.tables and "4194304-16777215" in bench.split)


async def test_a_chain_that_is_not_used_any_more_is_emptied_first_and_deleted_after_the_maps_that_led_to_it() -> None:
    async with serving(1, 2, session_affinity="ClientIP") as bench:
        (gone,) = bench.kernel.chains("10.1.0.2")
        bench.serve(1, session_affinity="ClientIP")
        await until(lambda: not bench.kernel.chains("10.1.0.2"))
        emptied = time.monotonic()
        assert gone in bench.kernel.tables["ip"].chains
        await until(lambda: gone not in bench.kernel.tables["ip"].chains)
        assert time.monotonic() - emptied > GRACE + 0.5


async def test_affinity_that_comes_or_goes_changes_the_kind_of_map() -> None:
    async with serving(1, 2) as bench:
        bench.serve(1, 2, session_affinity="ClientIP")
        await until(lambda: len(bench.kernel.chains("endpoint-")) == 2)
        await until(lambda: not [name for name in bench.kernel.tables["ip"].maps if name.startswith("split-")])
        bench.serve(1, 2)
        bench.weigh(1.0, 3.0)
        await until(lambda: not bench.kernel.chains("endpoint-"))
        await until(lambda: "4194304-16777215" in bench.split)
        await until(lambda: not [name for name in bench.kernel.tables["ip"].maps if name.startswith("weights-")])


async def test_the_node_s_networks_change_all_rules() -> None:
    async with serving(1, 2) as bench:
        assert [] == list(bench.kernel.tables["ip"].sets["nodeport-ips"])
        bench.state.put(Kind.NODE, Node(name="node-1", addresses=(("InternalIP", "192.0.2.1"),)))
        await until(lambda: "192.0.2.1" in bench.kernel.tables["ip"].sets["nodeport-ips"])


async def test_udp_flows_are_forgotten_when_endpoints_or_the_service_go() -> None:
    bench = Bench()
    bench.serve(1, 2, ports=(DNS,))
    bench.confirm()
    async with running(bench):
        await until(lambda: bench.syncer.synced)
        bench.kernel.forgotten.clear()
        bench.serve(1, ports=(DNS,))
        await until(lambda: bench.kernel.forgotten)
        assert frozenset({("10.1.0.1", 5353)}) == bench.kernel.forgotten[0].backends
        bench.kernel.forgotten.clear()
        bench.state.remove(Kind.SERVICE, "default/web")
        await until(lambda: bench.kernel.forgotten)
        assert frozenset() == bench.kernel.forgotten[0].backends
        assert ("10.96.0.10", 53) in bench.kernel.forgotten[0].frontends


async def test_an_address_of_two_services_is_reported() -> None:
    async with serving(1, 2) as bench:
        bench.state.put(Kind.SERVICE, service(name="twin", labels=OURS, created=2.0))
        await until(lambda: bench.wrong)
        assert "already belongs to an older Service" in bench.wrong["default/twin"]

"""The poller makes a picture of what can be read, also when nothing can."""

from __future__ import annotations

from wao_core.cluster.records import Node
from wao_predict.connection import TlsPolicy
from wao_ui.feeds import Api
from wao_ui.poller import Poller
from wao_ui.sources import Apis, Sources
from wao_ui.store import Store


async def test_a_picture_is_made_although_no_source_answers() -> None:
    store = Store(5)
    apis = Apis(scheduler=Api("http://127.0.0.1:9", TlsPolicy()))
    nodes = {"a": Node(name="a")}
    drawn: list[float] = []
    poller = Poller(Sources.of(apis), store, lambda: nodes, period=10.0, group_label="rack", drawn=drawn.append)
    before = poller.read_once
    await poller.poll()
    await poller.poll()
    assert (store.picture.version, len(store.history)) == (2, 2)
    assert [node.name for node in store.picture.nodes] == ["a"]
    assert {source.name for source in store.picture.broken} == {"scheduler, nodes", "scheduler, decisions"}
    assert [seconds > 0.0 for seconds in drawn] == [True, True]
    assert (before, poller.read_once) == (False, True)
    assert poller.health() is None
    await apis.close()

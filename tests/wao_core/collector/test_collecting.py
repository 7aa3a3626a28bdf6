"""The whole collector against mock BMCs with the resources of real ones: discovery, polls, faults."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests import waiting
from tests.fakes.bmc_trees import member, thermal
from wao_core.cluster.records import Kind, NodeConfig, SensorTerm
from wao_core.collector.collecting import collecting
from wao_core.collector.collector import Collector
from wao_core.collector.endpoints import connecting
from wao_core.collector.poller import Poller
from wao_core.collector.status import ChosenSensor, metric_entries
from wao_core.collector.store import SampleStore
from wao_core.source.manifests import ManifestSource
from wao_predict.endpoint import Endpoint
from wao_predict.redfish.mock import MockBmc, MockPressureApi, load_documents

CAPTURES = sorted((Path(__file__).parents[3] / "examples" / "bmc").glob("*.jsonl"))
CREDENTIALS = ("reader", "pass word")
SECRET = """
apiVersion: v1
kind: Secret
metadata: {name: bmc, namespace: wao}
stringData: {username: reader, password: pass word}
"""


@dataclass
class Fleet:
    """Mock BMCs by node name, and the source that names them."""

    source: ManifestSource
    bmcs: dict[str, MockBmc] = field(default_factory=dict)

    def add(self, node: str, bmc: MockBmc, **metrics: SensorTerm) -> None:
        self.bmcs[node] = bmc
        terms = metrics or {"inlet_temp": self.term(bmc)}
        self.source.state.put(Kind.NODE_CONFIG, NodeConfig(name=node, namespace="wao", node_name=node, metrics=terms))

    @staticmethod
    def term(bmc: MockBmc, type_: str = "Redfish", *, interval: float = 1.0, path: str = "") -> SensorTerm:
        return SensorTerm(Endpoint(type_, bmc.url + path, "wao/bmc" if bmc.credentials else ""), interval)

    @asynccontextmanager
    async def collected(self, store: SampleStore) -> AsyncIterator[Collector]:
        async with connecting(self.source.secret) as endpoints, collecting(self.source, store, endpoints) as collector:
            yield collector


def inlet_of(collector: Collector, node: str) -> tuple[Poller, ChosenSensor]:
    """Return the poller of a node's inlet temperature, and the sensor that was chosen."""
    poller = collector.poller_of(node, "inlet_temp")
    assert poller is not None
    chosen = poller.reader.chosen()
    assert chosen is not None
    return poller, chosen


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    (tmp_path / "secret.yaml").write_text(SECRET)
    source = ManifestSource(tmp_path)
    await source.refresh()
    made = Fleet(source)
    yield made
    await asyncio.gather(*(bmc.stop() for bmc in made.bmcs.values()))


async def started(documents: Mapping[str, Mapping[str, object]]) -> MockBmc:
    bmc = MockBmc(documents, credentials=CREDENTIALS)
    await bmc.start()
    return bmc


until = partial(waiting.until, seconds=10.0)


def fresh(store: SampleStore, metric: str = "inlet_temp") -> set[str]:
    return {node for node, sample in store.by_node(metric).items() if sample.fresh()}


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
async def test_discovers_once_and_then_polls_one_resource(fleet: Fleet, capture: Path) -> None:
    bmc = await started(load_documents(capture))
    fleet.add("n1", bmc)
    store = SampleStore()
    async with fleet.collected(store) as collector:
        await until(lambda: fresh(store) == {"n1"})
        cold = len(bmc.requests)
        await until(lambda: len(bmc.requests) >= cold + 2)
        polled = set(bmc.requests[cold:])
        _, chosen = inlet_of(collector, "n1")
        assert polled == {f"GET {chosen.uri.partition('#')[0]}"}
        assert chosen.confidence is not None
        assert chosen.confidence >= 0.5
    sample = store.get("n1", "inlet_temp")
    assert sample is not None
    assert 5 < sample.value < 50


async def test_the_lower_confidence_of_supermicros_system_temp_is_in_the_status(fleet: Fleet) -> None:
    held = thermal(member("CPU Temp", 60, "CPU"), member("System Temp", 30))
    held["/redfish/v1/Systems/1"]["Manufacturer"] = "Supermicro"
    fleet.add("n1", await started(held))
    store = SampleStore()
    async with fleet.collected(store) as collector:
        await until(lambda: fresh(store) == {"n1"})
        _, chosen = inlet_of(collector, "n1")
        (entry,) = metric_entries({"inlet_temp": store.get("n1", "inlet_temp")}, {"inlet_temp": chosen})
    assert (entry["value"], entry["confidence"]) == ("30", "550m")
    assert entry["sensor"] == {"uri": "/redfish/v1/Chassis/1/Thermal#/Temperatures/1", "name": "System Temp"}


async def test_a_dead_and_a_hung_bmc_leave_all_others_fresh(fleet: Fleet) -> None:
    documents = [load_documents(capture) for capture in CAPTURES]
    for number in range(30):
        fleet.add(f"n{number}", await started(documents[number % len(documents)]))
    fleet.bmcs["n0"].faults.hang = True
    await fleet.bmcs["n1"].stop()
    store = SampleStore()
    async with fleet.collected(store):
        await until(lambda: len(fresh(store)) == 28)
        assert {"n0", "n1"}.isdisjoint(fresh(store))
        await until(lambda: "cannot connect" in store.by_node("inlet_temp")["n1"].reason)


async def test_values_move_and_a_vanished_sensor_is_found_again(fleet: Fleet) -> None:
    documents = load_documents(CAPTURES[0])
    bmc = await started(documents)
    fleet.add("n1", bmc)
    store = SampleStore()
    async with fleet.collected(store) as collector:
        await until(lambda: fresh(store) == {"n1"})
        poller, chosen = inlet_of(collector, "n1")
        path, _, pointer = chosen.uri.partition("#")
        leaf = f"{pointer}/ReadingCelsius" if pointer else "/Reading"
        bmc.inlet, bmc.temperature = (path, leaf), lambda: 31.5
        await until(lambda: (sample := store.get("n1", "inlet_temp")) is not None and sample.value == 31.5)
        bmc.faults.gone.add(path)
        await until(lambda: bool(poller.state.failures) or poller.reader.chosen() != chosen)


async def test_pressure_is_read_once_for_a_rack_and_power_with_temperature(fleet: Fleet) -> None:
    pressure = MockPressureApi(lambda name: 7.5 if name == "rack-1" else 9.0)
    await pressure.start()
    rack = Fleet.term(pressure, "DifferentialPressureAPI", interval=60.0, path="/api/sensor/rack-1")
    own = Fleet.term(pressure, "DifferentialPressureAPI", interval=60.0)
    bmc = await started(load_documents(CAPTURES[0]))
    fleet.add("n1", bmc, inlet_temp=Fleet.term(bmc), power_watts=Fleet.term(bmc), delta_p=rack)
    fleet.add("n2", pressure, delta_p=rack)
    fleet.add("n3", pressure, delta_p=own)
    store = SampleStore()
    async with fleet.collected(store) as collector:
        await until(lambda: len(fresh(store, "delta_p")) == 3 and fresh(store, "power_watts") == {"n1"})
        await until(lambda: collector.tried_all)
    assert {node: sample.value for node, sample in store.by_node("delta_p").items()} == {
        "n1": 7.5,
        "n2": 7.5,
        "n3": 9.0,
    }
    assert sorted(pressure.requests) == ["GET /api/sensor/by_nodename/n3", "GET /api/sensor/rack-1"]


async def test_a_wrong_password_is_reported_and_shown_nowhere(fleet: Fleet) -> None:
    bmc = await started(load_documents(CAPTURES[0]))
    bmc.credentials = ("reader", "other")
    fleet.add("n1", bmc)
    store = SampleStore()
    async with fleet.collected(store):
        await until(lambda: (sample := store.get("n1", "inlet_temp")) is not None and sample.state == "failed")
        sample = store.get("n1", "inlet_temp")
        assert sample is not None
        assert "401" in sample.reason
        assert "pass word" not in sample.reason

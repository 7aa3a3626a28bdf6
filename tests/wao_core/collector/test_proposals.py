"""Models that are proposed for nodes without one: as a condition and an Event, and never chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.statuses import StatusSource
from wao_core.cluster.records import Kind, NodeConfig, SensorTerm
from wao_core.cluster.state import ClusterState
from wao_core.collector.collector import Collector
from wao_core.collector.endpoints import connecting
from wao_core.collector.proposals import READ_AGAIN, RETRY, ModelProposals, bmc_of, hardware_reader
from wao_core.collector.reporting import StatusReporter
from wao_core.collector.store import SampleStore
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError
from wao_predict.models.matching import Hardware
from wao_predict.redfish.mock import MockBmc, load_documents

EPYC = Hardware("Dell Inc.", "PowerEdge R6525", "AMD EPYC 7763 64-Core Processor", 1, 64)
CAPTURE = Path(__file__).parents[3] / "examples" / "bmc" / "dell-r750-idrac9-7.10.jsonl"


def node_config(name: str = "n1", *, url: str = "https://bmc", model: Endpoint | None = None) -> NodeConfig:
    metrics = {"power_watts": SensorTerm(Endpoint("Redfish", url))}
    return NodeConfig(name=name, namespace="wao", node_name=name, metrics=metrics, power_consumption=model)


class Bmcs:
    """Answers with hardware or an error by URL, and counts the readings."""

    def __init__(self, answers: dict[str, Hardware | Exception]) -> None:
        self.answers, self.read_from = answers, list[str]()

    async def __call__(self, endpoint: Endpoint) -> Hardware:
        self.read_from.append(endpoint.url)
        answer = self.answers[endpoint.url]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Setting:
    def __init__(self, *configs: NodeConfig, **answers: Hardware | Exception) -> None:
        self.cluster, self.now = StatusSource(ClusterState()), 0.0
        for config in configs:
            self.cluster.state.put(Kind.NODE_CONFIG, config)
        self.bmcs = Bmcs({f"https://{name}": answer for name, answer in answers.items()})
        self.proposals = ModelProposals(self.cluster, self.bmcs, clock=lambda: self.now)  # type: ignore[arg-type]


async def test_candidates_are_a_condition_and_one_event() -> None:
    config = node_config()
    setting = Setting(config, bmc=EPYC)
    before = setting.proposals.condition(config)
    for _ in range(2):
        await setting.proposals.look()
    condition = setting.proposals.condition(config)
    assert before is not None
    assert (before.status, before.reason) == ("Unknown", "Waiting")
    assert condition is not None
    assert (condition.status, condition.reason) == ("True", "Candidates")
    assert "Dell Inc. PowerEdge R6525 with 1 x AMD EPYC 7763" in condition.message
    assert "specpower:amd_epyc_7763-64c" in condition.message
    assert "set predictor.powerConsumption to the type PowerCurve" in condition.message
    assert [reason for reason, _ in setting.cluster.events] == ["ModelProposed"]
    assert setting.bmcs.read_from == ["https://bmc"]


async def test_node_configs_of_one_server_share_a_reading_and_each_gets_an_event() -> None:
    setting = Setting(node_config("a"), node_config("b"), bmc=EPYC)
    await setting.proposals.look()
    assert len(setting.bmcs.read_from) == 1
    assert len(setting.cluster.events) == 2


@pytest.mark.parametrize(
    "config",
    [
        node_config(model=Endpoint("Onnx", "edge_lenovo")),
        NodeConfig(name="n", namespace="wao", node_name="n", metrics={"inlet_temp": SensorTerm(Endpoint("Fake"))}),
        NodeConfig(name="n", namespace="wao", node_name="n", metrics={}),
    ],
    ids=["has a model", "has no BMC", "has no sensor"],
)
async def test_nothing_is_proposed_for_a_node_config_that(config: NodeConfig) -> None:
    setting = Setting(config)
    await setting.proposals.look()
    assert bmc_of(config) is None
    assert setting.proposals.condition(config) is None
    assert not setting.bmcs.read_from


async def test_a_server_like_no_other_is_to_be_measured() -> None:
    config = node_config()
    setting = Setting(config, bmc=Hardware("Acme", "A1", "Acme Zeta 1", 1, 8))
    await setting.proposals.look()
    condition = setting.proposals.condition(config)
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", "NoCandidate")
    assert "no server type resembles Acme A1 with 1 x Acme Zeta 1. Measure the server" in condition.message
    assert not setting.cluster.events


async def test_a_bmc_that_cannot_be_read_is_tried_again_later_and_does_not_disturb_others() -> None:
    lost, fine = node_config("a", url="https://lost"), node_config("b")
    setting = Setting(lost, fine, lost=RemoteError("no answer", detail="text of the server"), bmc=EPYC)
    await setting.proposals.look()
    condition = setting.proposals.condition(lost)
    assert condition is not None
    assert (condition.status, condition.reason) == ("Unknown", "Unreadable")
    assert "no answer" in condition.message
    assert "text of the server" not in condition.message
    setting.now = RETRY
    setting.bmcs.answers["https://lost"] = EPYC
    await setting.proposals.look()
    assert setting.bmcs.read_from.count("https://lost") == 2
    assert setting.bmcs.read_from.count("https://bmc") == 1
    assert len(setting.cluster.events) == 2


async def test_what_was_read_once_stays_when_the_bmc_is_away_the_next_day() -> None:
    config = node_config()
    setting = Setting(config, bmc=EPYC)
    await setting.proposals.look()
    setting.now, setting.bmcs.answers["https://bmc"] = READ_AGAIN, RemoteError("no answer")
    await setting.proposals.look()
    condition = setting.proposals.condition(config)
    assert condition is not None
    assert condition.reason == "Candidates"


async def test_the_proposal_ends_when_a_model_is_named() -> None:
    setting = Setting(node_config(), bmc=EPYC)
    await setting.proposals.look()
    named = node_config(model=Endpoint("PowerCurve", "specpower:amd_epyc_7763-64c"))
    setting.cluster.state.put(Kind.NODE_CONFIG, named)
    await setting.proposals.look()
    assert setting.proposals.condition(named) is None


async def test_the_hardware_of_a_real_bmc_is_read_through_the_connections_of_the_sensors() -> None:
    async def no_secret(namespace: str, name: str) -> None:
        return None

    async with MockBmc(load_documents(CAPTURE)) as bmc, connecting(no_secret) as endpoints:
        hardware = await hardware_reader(endpoints)(Endpoint("Redfish", bmc.url))
    assert "Dell" in hardware.vendor
    assert "Xeon" in hardware.processor


async def test_the_status_of_a_node_config_has_the_proposal() -> None:
    setting = Setting(node_config(url="fake:"), fake=EPYC)
    async with Collector(ClusterState(), SampleStore(), lambda spec: None) as collector:  # type: ignore[arg-type, return-value]
        reporter = StatusReporter(
            setting.cluster,  # type: ignore[arg-type]
            collector,
            proposal=setting.proposals.condition,
            writes_per_second=1e6,
        )
        await reporter.write_due(now=1_795_464_940.0)
    (_, status), *_ = setting.cluster.written
    assert [item["type"] for item in status["conditions"]] == ["Ready", "Collecting", "Predicting", "ModelProposed"]

"""`GET /v1/nodes`: every node with the inputs of decisions, and the models in use."""

from __future__ import annotations

import json

from tests.fakes.extender import Extender
from tests.fakes.snapshots import snapshot
from wao_core.cluster.state import ClusterState
from wao_predict import load_predictor
from wao_scheduler.config import SchedulerSettings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.node_documents import model_document, nodes_document

NAN = float("nan")


def test_unknown_numbers_are_missing_and_never_zero() -> None:
    engine = DecisionEngine(ClusterState(), SchedulerSettings())
    engine.update(snapshot(["a", "b"], slopes=(1.0, NAN), usage=(1.0, NAN)))
    known, unknown = nodes_document(engine, {}).nodes
    assert known.watts is not None
    assert (known.usage_cores, known.assumed_cores) == (1.0, 0.0)
    assert (unknown.watts, unknown.usage_cores, unknown.assumed_cores) == (None, None, None)


def test_a_model_states_its_ranges_and_its_error_on_rows_that_it_was_not_fitted_to() -> None:
    found = model_document("edge_lenovo", load_predictor("edge_lenovo"))
    assert found.ranges["inlet_temp"] == (15.0, 40.0)
    assert (found.error_watts, found.error_percent) == (5.2082, 1.1702)


def test_a_model_without_metadata_states_nothing() -> None:
    found = model_document("curve", load_predictor("curve:0=100,100=200"))
    assert (found.error_watts, found.error_percent) == (None, None)


async def test_the_nodes_are_served_as_json(extender: Extender) -> None:
    document = json.loads((await extender.client.get("/v1/nodes")).content)
    assert {node["name"] for node in document["nodes"]} == {"a", "b"}
    assert len(document["knots"]) == len(document["nodes"][0]["watts"])


async def test_before_the_first_snapshot_the_answer_says_so() -> None:
    assert (await Extender().client.get("/v1/nodes")).status_code == 503

"""The difference between desired and existing NodeConfigs: what is applied, deleted and left to its user."""

import msgspec
import pytest

from wao_core.cluster.records import Calibration, NodeConfig, OwnerRef, Standby, key_of
from wao_core.controller.diff import NodeConfigChanges, diff
from wao_core.crds.desired import DesiredNodeConfig, DesiredNodeConfigs, TemplateResult
from wao_predict.calibration.correction import Correction
from wao_predict.endpoint import Endpoint

TEMPLATE = "wao/racks"
RECORD = NodeConfig(name="racks-n1", namespace="wao", node_name="n1", power_consumption=Endpoint("Onnx", "edge_lenovo"))
WANTED = DesiredNodeConfig(RECORD, {"nodeName": "n1"}, TEMPLATE, key_of(RECORD))
OWNED = msgspec.structs.replace(RECORD, owner=OwnerRef("NodeConfigTemplate", "racks"))
KEY = key_of(RECORD)


def changes(
    existing: NodeConfig | None, *, wanted: bool = True, errors: dict[str, str] | None = None
) -> NodeConfigChanges:
    desired = DesiredNodeConfigs({KEY: WANTED} if wanted else {}, {TEMPLATE: TemplateResult(1, errors=errors or {})})
    return diff(desired, {} if existing is None else {KEY: existing})


def test_a_missing_node_config_is_applied_and_an_equal_one_is_not_written() -> None:
    assert changes(None) == NodeConfigChanges(apply=(WANTED,))
    assert changes(OWNED) == NodeConfigChanges()


@pytest.mark.parametrize(
    "field",
    [
        {"node_name": "n2"},
        {"power_consumption": None},
        {"endpoint_provider": Endpoint("Redfish", "https://bmc")},
        {"standby": Standby()},
        {"calibration": Calibration(mode="Apply")},
        {"owner": OwnerRef("NodeConfigTemplate", "other")},
    ],
)
def test_one_that_differs_or_belongs_to_another_template_is_applied(field: dict[str, object]) -> None:
    assert changes(msgspec.structs.replace(OWNED, **field)) == NodeConfigChanges(apply=(WANTED,))


def test_the_state_of_a_calibration_is_no_difference() -> None:
    wanted = msgspec.structs.replace(RECORD, calibration=Calibration(mode="Apply"))
    state = Calibration(mode="Apply", model="m", used=Correction(1.1, 0.0))
    desired = DesiredNodeConfigs({KEY: DesiredNodeConfig(wanted, {}, TEMPLATE, KEY)}, {TEMPLATE: TemplateResult(1)})
    assert diff(desired, {KEY: msgspec.structs.replace(OWNED, calibration=state)}) == NodeConfigChanges()


def test_one_that_no_template_requires_is_deleted() -> None:
    assert changes(OWNED, wanted=False) == NodeConfigChanges(delete=(KEY,))


def test_one_whose_template_cannot_be_rendered_for_its_node_stays() -> None:
    assert changes(OWNED, wanted=False, errors={"n1": "no such label"}) == NodeConfigChanges()
    assert changes(OWNED, wanted=False, errors={"n2": "no such label"}) == NodeConfigChanges(delete=(KEY,))


@pytest.mark.parametrize("owner", [None, OwnerRef("Deployment", "racks")])
def test_one_of_a_user_is_neither_changed_nor_deleted(owner: OwnerRef | None) -> None:
    own = msgspec.structs.replace(RECORD, owner=owner, node_name="n9")
    assert changes(own) == NodeConfigChanges(taken={KEY: TEMPLATE})
    assert changes(own, wanted=False) == NodeConfigChanges()

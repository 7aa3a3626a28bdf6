"""Mock BMCs whose servers can be switched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wao_predict.testing import MockBmc

ROOT = "/redfish/v1"
ALL = ("On", "GracefulShutdown", "ForceOff")
INFO = f"{ROOT}/Systems/ResetActionInfo"


def system(number: str, allowed: Sequence[str]) -> dict[str, Any]:
    path = f"{ROOT}/Systems/{number}"
    action = {"target": f"{path}/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": list(allowed)}
    actions = {"#ComputerSystem.Reset": action}
    return {"@odata.id": path, "Id": number, "Name": number, "PowerState": "On", "Actions": actions}


def documents(*numbers: str, allowed: Sequence[str] = ALL) -> dict[str, dict[str, Any]]:
    sessions = f"{ROOT}/SessionService/Sessions"
    members = [{"@odata.id": f"{ROOT}/Systems/{number}"} for number in numbers]
    return {
        ROOT: {
            "@odata.id": f"{ROOT}/",
            "Id": "RootService",
            "Name": "Root",
            "RedfishVersion": "1.9.0",
            "Systems": {"@odata.id": f"{ROOT}/Systems"},
            "SessionService": {"@odata.id": f"{ROOT}/SessionService"},
            "Links": {"Sessions": {"@odata.id": sessions}},
        },
        f"{ROOT}/SessionService": {"Id": "S", "Name": "S", "Sessions": {"@odata.id": sessions}},
        sessions: {"Id": "Sessions", "Name": "Sessions", "Members": []},
        f"{ROOT}/Systems": {"Id": "Systems", "Name": "Systems", "Members": members},
        **{f"{ROOT}/Systems/{number}": system(number, allowed) for number in numbers},
    }


def with_action_info(held: dict[str, dict[str, Any]], system: str) -> dict[str, dict[str, Any]]:
    """Let a System link to its reset types, as OpenBMC does, and not list them."""
    action = held[system]["Actions"]["#ComputerSystem.Reset"]
    allowed = action.pop("ResetType@Redfish.AllowableValues")
    action["@Redfish.ActionInfo"] = INFO
    parameters = [{"Name": "ResetType", "DataType": "String", "AllowableValues": allowed}]
    return {**held, INFO: {"@odata.id": INFO, "Id": "ResetActionInfo", "Name": "Reset", "Parameters": parameters}}


def power_bmc(*numbers: str, allowed: Sequence[str] = ALL, basic: bool = True) -> MockBmc:
    return MockBmc(documents(*numbers, allowed=allowed), credentials=("operator", "hunter2"), basic=basic)

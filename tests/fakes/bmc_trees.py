"""Trees of Redfish resources by path: minimal BMCs with the parts that a test is about."""

from __future__ import annotations

from typing import Any

from tests.wao_predict.redfish.captures import Served
from wao_predict.flow import run
from wao_predict.redfish.discovery import discover
from wao_predict.redfish.poll import read_choice


def rack(**chassis: Any) -> dict[str, Any]:
    """Return a minimal BMC with one chassis that has the given properties."""
    path = "/redfish/v1/Chassis/1"
    return {
        "/redfish/v1": {
            "Systems": {"@odata.id": "/redfish/v1/Systems"},
            "Chassis": {"@odata.id": "/redfish/v1/Chassis"},
        },
        "/redfish/v1/Systems": {"Members": [{"@odata.id": "/redfish/v1/Systems/1"}]},
        "/redfish/v1/Systems/1": {"Manufacturer": "Acme", "Model": "X", "Links": {"Chassis": [{"@odata.id": path}]}},
        "/redfish/v1/Chassis": {"Members": [{"@odata.id": path}]},
        path: {"Id": "1", **chassis},
    }


def thermal(*members: dict[str, Any]) -> dict[str, Any]:
    """Return a BMC whose chassis has a Thermal resource."""
    held = rack(Thermal={"@odata.id": "/redfish/v1/Chassis/1/Thermal"})
    held["/redfish/v1/Chassis/1/Thermal"] = {"Temperatures": list(members)}
    return held


def member(name: str, value: Any, context: str | None = None, **more: Any) -> dict[str, Any]:
    found = {"Name": name, "ReadingCelsius": value, "Status": {"State": "Enabled"}, **more}
    return found if context is None else {**found, "PhysicalContext": context}


CHASSIS = "/redfish/v1/Chassis/1"
POWER = f"{CHASSIS}/Power"


def sensors(*members: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a BMC that has Sensors only, by id."""
    held = rack(Sensors={"@odata.id": f"{CHASSIS}/Sensors"})
    held[f"{CHASSIS}/Sensors"] = {"Members": [{"@odata.id": f"{CHASSIS}/Sensors/{name}"} for name, _ in members]}
    return held | {f"{CHASSIS}/Sensors/{name}": document for name, document in members}


def metrics(**document: Any) -> dict[str, Any]:
    """Return a BMC that has ThermalMetrics only."""
    path = f"{CHASSIS}/ThermalSubsystem"
    held = rack(ThermalSubsystem={"@odata.id": path})
    held[path] = {"ThermalMetrics": {"@odata.id": f"{path}/ThermalMetrics"}}
    held[f"{path}/ThermalMetrics"] = document
    return held


def powered(chassis: dict[str, Any] | None = None, **document: Any) -> dict[str, Any]:
    """Return a BMC with a Power resource."""
    held = rack(Power={"@odata.id": POWER}, **(chassis or {}))
    held[POWER] = document
    return held


def inlet(held: dict[str, Any]) -> tuple[str, float] | None:
    """Return what discovery takes and what is then polled; both must say the same."""
    served = Served(held)
    found = run(discover(), served).inlet
    if found is None:
        return None
    assert run(read_choice(found, "inlet_temp"), served).value == found.value
    return found.shown_uri, found.value

"""The reference's service that names models, in front of a BMC (waok8s/mlmm, API 2.1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SYSTEMS = "/redfish/v1/Systems"
MODEL_FILE: dict[str, Any] = {
    kind: {
        "name": f"{short}-PowerEdgeR650xs-2CPU",
        "url": "http://10.0.0.20",
        "type": "V2InferenceProtocol",
        "version": "v0.1.0",
    }
    for kind, short in (("powerConsumptionModel", "PC"), ("responseTimeModel", "RT"))
}
"""The file of models that the service serves, as in its README."""


def capitalized(value: object) -> Any:
    """Return a JSON value with the first letter of every key in upper case, as the service returns its file."""
    if isinstance(value, Mapping):
        return {key[:1].upper() + key[1:]: capitalized(item) for key, item in value.items()}
    return [capitalized(item) for item in value] if isinstance(value, list) else value


def model_resource(system: str, models: Mapping[str, object] = MODEL_FILE) -> dict[str, Any]:
    """Return what the service answers to GET of a System's MachineLearningModel."""
    path = f"{SYSTEMS}/{system}/MachineLearningModel"
    fixed = {
        "@odata.type": "#MachineLearningModel.v1_0_0.MachineLearningModel",
        "Name": "Machine Learning Model",
        "@odata.context": f"/redfish/v1/$metadata#Systems/{system}/MachineLearningModel",
        "@odata.id": path,
    }
    return {**capitalized(models), **fixed}


def with_models(
    documents: Mapping[str, Mapping[str, Any]], models: Mapping[str, object] = MODEL_FILE
) -> dict[str, Mapping[str, Any]]:
    """Return a BMC's resources as the service passes them on: each System has a model and links to it."""
    served = dict(documents)
    for path, document in documents.items():
        parent, _, system = path.rpartition("/")
        if parent == SYSTEMS:
            resource = model_resource(system, models)
            served[path] = {**document, "MachineLearningModel": {"@odata.id": resource["@odata.id"]}}
            served[f"{path}/MachineLearningModel"] = resource
    return served


def with_power_model(documents: Mapping[str, Mapping[str, Any]], **model: object) -> dict[str, Mapping[str, Any]]:
    """Return the same with other values of the power model; None leaves a key out."""
    changed = {**MODEL_FILE["powerConsumptionModel"], **model}
    kept = {key: value for key, value in changed.items() if value is not None}
    return with_models(documents, {**MODEL_FILE, "powerConsumptionModel": kept})

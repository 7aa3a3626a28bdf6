"""Objects of the API as Go servers send them, and their records."""

from __future__ import annotations

import json
from typing import Any

from wao_core.cluster.decode import DECODERS
from wao_core.cluster.records import Pod, Record


def decode_object(kind: str, raw: dict[str, Any]) -> Record:
    """Decode from YAML and from JSON: both give the same."""
    record = DECODERS[kind].decode_object(raw)
    assert DECODERS[kind].decode_json(json.dumps(raw).encode()) == record
    return record


def pod(**spec: Any) -> Pod:
    record = decode_object("Pod", {"metadata": {"name": "p", "namespace": "n"}, "spec": spec})
    assert isinstance(record, Pod)
    return record


def container(request: str | None = None, limit: str | None = None, **more: Any) -> dict[str, Any]:
    resources = {
        **({"requests": {"cpu": request}} if request else {}),
        **({"limits": {"cpu": limit}} if limit else {}),
    }
    return {"name": "c", "resources": resources, **more}


SIDECAR = {"restartPolicy": "Always"}

"""The captures of real BMCs in tests/data/redfish, and a transport that serves one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wao_predict.flow import Request, Response
from wao_predict.redfish.mock import load_documents

FOLDER = Path(__file__).resolve().parents[2] / "data" / "redfish"
NAMES = sorted(path.name.removesuffix(".jsonl") for path in FOLDER.glob("*.jsonl"))


def expected(name: str) -> dict[str, Any]:
    """Return what is right for a capture."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.expected.json").read_text())
    return found


def documents(name: str) -> dict[str, dict[str, Any]]:
    """Return the resources of a capture by path."""
    return load_documents(FOLDER / f"{name}.jsonl")


class Served:
    """A transport that answers from documents; everything else is 404."""

    def __init__(self, held: Mapping[str, object]) -> None:
        self.held = held
        self.paths: list[str] = []

    def send(self, request: Request) -> Response:
        """Answer one request."""
        self.paths.append(request.url)
        document = self.held.get(request.url.rstrip("/"))
        if document is None:
            return Response(404, b"{}", {}, request.url)
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return Response(200, body, {}, request.url)

    def close(self) -> None:
        """Nothing to close."""

"""The captures of real BMCs in tests/data/redfish, and a transport that serves one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wao_predict.testing import MockTransport, load_documents, serve_documents

FOLDER = Path(__file__).resolve().parents[2] / "data" / "redfish"
NAMES = sorted(path.name.removesuffix(".jsonl") for path in FOLDER.glob("*.jsonl"))


def expected(name: str) -> dict[str, Any]:
    """Return what is right for a capture."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.expected.json").read_text())
    return found


def documents(name: str) -> dict[str, dict[str, Any]]:
    """Return the resources of a capture by path."""
    return load_documents(FOLDER / f"{name}.jsonl")


class Served(MockTransport):
    """A transport that answers from documents; everything else is 404."""

    def __init__(self, held: Mapping[str, object]) -> None:
        super().__init__(serve_documents(held))

    @property
    def paths(self) -> list[str]:
        """The paths that were requested, in order."""
        return self.urls

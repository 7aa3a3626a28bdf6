"""What can be set and what is measured is in docs/scheduler.md, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.fakes.sources import FakeSource
from wao_core.cluster.state import ClusterState
from wao_core.serving.frame import ServerFrame
from wao_scheduler.app import create_app
from wao_scheduler.config import ProfileSettings, SchedulerSettings, parse_settings
from wao_scheduler.decision_engine import DecisionEngine

TEXT = (Path(__file__).parents[2] / "docs" / "scheduler.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[str]:
    """Return the first words of the rows of the table with this heading."""
    table = TEXT.split(f"\n| {heading} |")[1].split("\n\n")[0]
    return re.findall(r"^\| `([^`{]+)", table, flags=re.MULTILINE)


@pytest.mark.parametrize(("heading", "model"), [("setting", SchedulerSettings), ("of a profile", ProfileSettings)])
def test_every_setting_is_documented(heading: str, model: type[BaseModel]) -> None:
    assert sorted(field.alias or name for name, field in model.model_fields.items()) == sorted(rows(heading))


def test_every_metric_is_documented() -> None:
    frame, state = ServerFrame("scheduler"), ClusterState()
    common = metrics_of(frame)
    create_app(DecisionEngine(state, parse_settings({})), FakeSource(state), frame)
    assert metrics_of(frame) - common == set(rows("metric"))


def metrics_of(frame: ServerFrame) -> set[str]:
    return {f"{family.name}_total" if family.type == "counter" else family.name for family in frame.registry.collect()}

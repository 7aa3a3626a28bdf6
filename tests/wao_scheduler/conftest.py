"""An extender with two nodes, of which b costs less."""

from __future__ import annotations

import pytest

from tests.fakes.extender import Extender
from tests.fakes.snapshots import snapshot


@pytest.fixture
def extender() -> Extender:
    made = Extender()
    made.engine.update(snapshot(["a", "b"], slopes=[2.0, 1.0]))
    return made

"""`wao version`."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version

from tests.wao_predict.cli.running import wao


def test_the_versions_of_the_command_and_of_python_are_shown() -> None:
    found = json.loads(wao("version", "-o", "json").out)
    assert (found["wao"], found["python"]) == (version("wao-predict"), platform.python_version())
    assert found["wao"] in wao("version").out

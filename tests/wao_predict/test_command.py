"""The entry point of the command."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from wao_predict.command import main


class _Interrupted(ModuleType):
    def __getattr__(self, name: str) -> object:
        raise KeyboardInterrupt


def test_ctrl_c_during_the_imports_exits_with_130_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wao_predict.cli", _Interrupted("wao_predict.cli"))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130

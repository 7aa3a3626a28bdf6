"""What importing the library costs, and what it promises."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import wao_predict

HEAVY = ("torch", "sklearn", "pandas", "kubernetes", "fastapi", "sushy", "onnxruntime", "pydantic", "matplotlib")
PROBE = f"""
import sys, time
begin = time.process_time()
import wao_predict
wao_predict.load_predictor
took = time.process_time() - begin
print(took)
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_importing_is_quick_and_loads_nothing_heavy() -> None:
    """The processor's time, and the best of three: a busy machine must not fail it."""
    runs = [
        subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout.split("\n")
        for _ in range(3)
    ]
    assert min(float(run[0]) for run in runs) < 1.0
    assert runs[0][1] == "[]"


def test_every_promised_name_is_there() -> None:
    for name in wao_predict.__all__:
        assert getattr(wao_predict, name) is not None
    assert wao_predict.__all__ == sorted(wao_predict.__all__, key=lambda name: (not name.isupper(), name))


def test_the_version_is_that_of_the_distribution() -> None:
    assert wao_predict.__version__ == version("wao-predict")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = wao_predict.nonsense


@pytest.mark.parametrize("package", ["models", "simulate", "traffic"])
def test_packages_and_their_names_are_imported_on_first_use(package: str) -> None:
    program = (
        f"import wao_predict; {package} = wao_predict.{package}; [getattr({package}, n) for n in {package}.__all__]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

"""A package that is not installed: the error names the extra that installs it, and the extra does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fakes.extras import packages_of
from wao_predict.cli import extra_of

CURVE = "curve:0=60,100=120"
FLEET = f"Fleet.from_table({{'name': ['a'], 'model': '{CURVE}', 'capacity_cores': 8, 'usage_cores': 0}})"
CASES = [
    ("onnxruntime", "onnx", "load_predictor('edge_lenovo')"),
    ("matplotlib", "plot", f"PowerCurveDisplay.from_predictor(load_predictor('{CURVE}'))"),
    ("matplotlib", "plot", "from wao_predict.report_page import svg_figure; svg_figure(1, 1).__enter__()"),
    ("plotext", "plot", f"from wao_predict.cli.curve import curve; curve('{CURVE}')"),
    ("pandas", "notebook", f"{FLEET}.to_frame()"),
    ("yaml", "simulate", "import pathlib; simulate.read_groups(pathlib.Path('fleet.yaml'))"),
    ("pyarrow", "parquet", "simulate.read_trace('pods.parquet')"),
    ("ray", "ray", "simulate.on_ray('local')"),
    ("torch", "train", "from wao_predict.train import PowerCurveRegressor"),
]
PROGRAM = """
import sys
sys.modules[{package!r}] = None
from wao_predict import *
from wao_predict import MissingExtra, simulate
try:
    {statement}
except MissingExtra as error:
    print(error)
"""


@pytest.mark.parametrize(("package", "extra", "statement"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_the_error_names_the_extra(package: str, extra: str, statement: str) -> None:
    program = PROGRAM.format(package=package, statement=statement)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout.strip().endswith(f"needs more packages: pip install 'wao-predict[{extra}]'"), ran.stderr
    assert {"yaml": "pyyaml"}.get(package, package) in packages_of(extra)


@pytest.mark.parametrize("module", ["pydantic", "uvicorn", "prometheus_client", "msgspec"])
def test_a_command_of_a_cluster_names_the_extra_of_the_applications(module: str) -> None:
    assert extra_of(module) == "kubernetes"
    assert module.replace("_", "-") in packages_of("kubernetes")


def test_an_unknown_module_names_all() -> None:
    assert extra_of("nonsense") == "all"


def test_a_command_without_its_packages_is_one_line() -> None:
    program = (
        "import sys; sys.modules['pydantic'] = None; from wao_predict.cli import main; "
        "sys.argv = ['wao', 'scheduler', '--manifests', '.']; sys.exit(main())"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.endswith("which is not installed: pip install 'wao-predict[kubernetes]'\n")


def test_plot_installs_what_plotting_a_model_needs() -> None:
    assert {"matplotlib", "plotext", "onnxruntime"} <= packages_of("plot") <= packages_of("simulate")

"""How the tests are arranged: one module of tests for each module with logic; none borrows from another one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PACKAGES = (
    "wao_predict",
    "wao_core",
    "wao_metrics_api",
    "wao_scheduler",
    "wao_lb",
    "wao_fleet",
    "wao_ui",
    "wao_demo",
    "wao_doctor",
)
_COMMAND = "options of a command; run as a command by the tests of its server"
_NO_LOGIC = "types and constants only"
_DISCOVERY = "a step of discovery; tests/wao_predict/redfish runs the whole on BMCs"
_TRAINING = "a step of a training; test_session.py and test_regressor.py run the whole, which needs torch"
_BROWSER = "tests/browser: the page in a browser"
_KERNEL = "needs root and a kernel: tests/netns"
WITHOUT_TESTS = {
    "wao_core/cluster/source.py": _NO_LOGIC,
    "wao_core/controller/cli.py": _COMMAND,
    "wao_core/kube/source.py": _NO_LOGIC,
    "wao_core/prediction/provider_transport.py": "test_model_opener.py: one transport of the models that it opens",
    "wao_demo/apps.py": "test_servers.py runs the applications",
    "wao_demo/cli.py": _COMMAND,
    "wao_doctor/cli.py": "test_diagnosis.py runs the command",
    "wao_doctor/extenders.py": "checks/test_scheduler.py: configurations of kube-scheduler",
    "wao_doctor/facts.py": _NO_LOGIC,
    "wao_doctor/settings.py": _NO_LOGIC,
    "wao_doctor/wire.py": "the tests of the checks decode objects; test_bundle.py: what is never kept",
    "wao_fleet/standby/app.py": "test_server.py: its route, and the answer without a plan",
    "wao_fleet/standby/documents.py": "test_server.py: the plan as JSON",
    "wao_fleet/standby/metrics.py": "test_server.py: phases, savings and counts",
    "wao_fleet/standby/power/switch.py": "test_switches.py and test_wake_on_lan.py: the switch that does nothing",
    "wao_fleet/standby/sources.py": _NO_LOGIC,
    "wao_fleet/rebalance/cli.py": _COMMAND,
    "wao_fleet/rebalance/documents.py": "test_app.py: the bodies that are served",
    "wao_fleet/rebalance/drainer.py": "test_rebalancer.py: drains of all kinds",
    "wao_fleet/rebalance/metrics.py": "test_rebalancer.py: what is counted",
    "wao_fleet/rebalance/server.py": "test_servers.py and tests/cluster/scheduler run it as a process",
    "wao_fleet/rebalance/settings.py": _NO_LOGIC,
    "wao_lb/agent/linux/kernel.py": _KERNEL,
    "wao_lb/cli.py": _COMMAND,
    "wao_metrics_api/cli.py": _COMMAND,
    "wao_metrics_api/endpoints.py": "test_app.py has the contract of the API, request by request",
    "wao_metrics_api/names.py": _NO_LOGIC,
    "wao_predict/__init__.py": "test_imports.py: names that are imported when they are used",
    "wao_predict/backends/base.py": _NO_LOGIC,
    "wao_predict/cli/__init__.py": "test_predict.py: the root of every command",
    "wao_predict/cli/cooling_options.py": "test_what_if.py and the tests of `wao cooling` use the option",
    "wao_predict/cli/cluster_options.py": "test_simulate.py and test_cooling.py use the options",
    "wao_predict/cli/connection.py": "test_read.py runs the commands that connect",
    "wao_predict/cli/options.py": "test_options.py of wao_core.serving: options as a data class",
    "wao_predict/cli/output.py": "the commands' tests read their output",
    "wao_predict/cooling/__init__.py": "test_imports.py: names that are imported when they are used",
    "wao_predict/cooling/air.py": "test_models.py, test_published.py: the air of each plant",
    "wao_predict/cooling/plant_types.py": "test_plant_file.py: a file with each type",
    "wao_predict/presented.py": "test_connection.py and test_read.py: certificates that a server presents",
    "wao_predict/redfish/chassis.py": _DISCOVERY,
    "wao_predict/redfish/choice.py": _DISCOVERY,
    "wao_predict/redfish/explorer.py": _DISCOVERY,
    "wao_predict/redfish/mock.py": "the BMC of the tests themselves; test_testing.py runs its examples",
    "wao_predict/redfish/named.py": _DISCOVERY,
    "wao_predict/redfish/power.py": _DISCOVERY,
    "wao_predict/redfish/temperatures.py": _DISCOVERY,
    "wao_predict/sensors/base.py": _NO_LOGIC,
    "wao_predict/arrays.py": "test_public_functions.py: arguments that are no numbers",
    "wao_predict/simulate/__init__.py": "test_imports.py: names that are imported when they are used",
    "wao_predict/report_page.py": "simulate/test_report.py: a page with its sections and figures",
    "wao_predict/simulate/comparison.py": "test_sweep.py: the results of a sweep",
    "wao_predict/simulate/events.py": "test_engine.py: the simulation",
    "wao_predict/simulate/executors.py": "test_engine.py and the tests of `wao simulate` run it",
    "wao_predict/simulate/result_files.py": "simulate/test_report.py and the tests of `wao simulate` read the files",
    "wao_predict/simulate/nodes.py": "test_engine.py: the nodes that the simulation fills",
    "wao_predict/standby/capacity.py": "test_decision.py: the capacity that has to stay",
    "wao_predict/standby/history.py": "test_doctests.py: its examples; simulate/test_standby.py keeps the limits",
    "wao_predict/standby/starts.py": "test_decision.py: the starts",
    "wao_predict/standby/state.py": "test_decision.py: what it decides on",
    "wao_predict/standby/stops.py": "test_decision.py: the stops",
    "wao_predict/simulate/run.py": "test_engine.py: the result of a simulation",
    "wao_predict/cli/simulate_options.py": "test_simulate.py runs the command with them",
    "wao_predict/traffic/reasons.py": "test_weights.py, test_lookahead.py: reasons of weights",
    "wao_predict/train/__init__.py": "test_imports.py: names that are imported when they are used",
    "wao_predict/train/export.py": _TRAINING,
    "wao_predict/train/fitting.py": _TRAINING,
    "wao_predict/train/graph.py": _TRAINING,
    "wao_predict/train/inputs.py": _TRAINING,
    "wao_predict/train/targets.py": _TRAINING,
    "wao_predict/train/network.py": _TRAINING,
    "wao_predict/train/pictures.py": _TRAINING,
    "wao_predict/train/plant.py": "cooling/test_published.py: its model reproduces the table",
    "wao_predict/train/report.py": _TRAINING,
    "wao_predict/train/shipped.py": _TRAINING,
    "wao_scheduler/documents.py": _NO_LOGIC,
    "wao_scheduler/increases.py": "test_decision_engine.py: increases of the candidates",
    "wao_scheduler/server.py": "test_servers.py runs it as a process",
    "wao_ui/cli.py": _COMMAND,
    "wao_ui/nicegui_setup.py": _BROWSER,
    "wao_ui/pages.py": _BROWSER,
    "wao_ui/parts.py": "test_views.py: what each part of the pages shows",
    "wao_ui/server.py": _BROWSER,
}
"""Modules without a module of tests of their own, and where their tests are."""
FILES = sorted(TESTS.rglob("*.py"))
OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}
OF_NOTEBOOKS = {"_repr_html_", "_repr_png_"}


def test_every_module_with_logic_has_a_module_of_tests() -> None:
    """tests/PACKAGE/test_MODULE.py, or an entry above that says where its tests are."""
    missing = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if _has_definitions(path) and not _tests_of(path.relative_to(ROOT)).exists()
    }
    assert [] == sorted(missing - WITHOUT_TESTS.keys())


def test_the_exceptions_are_modules() -> None:
    assert [] == [name for name in WITHOUT_TESTS if not (ROOT / name).exists()]


@cache
def _nodes(path: Path) -> list[ast.AST]:
    """Return all nodes of a file's syntax tree that the tests of this module look at."""
    kinds = (ast.Import, ast.ImportFrom, ast.Attribute, ast.FunctionDef)
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)]


def _tests_of(path: Path) -> Path:
    if path.name == "__init__.py":
        return TESTS / path.parent.parent / f"test_{path.parent.name}.py"
    return TESTS / path.parent / f"test_{path.name}"


def _has_definitions(path: Path) -> bool:
    definition = re.compile(r"^(async def|def|class) ", re.MULTILINE)
    return path.name != "__main__.py" and definition.search(path.read_text()) is not None


def test_what_modules_of_tests_share_is_not_in_a_module_of_tests() -> None:
    """It is in `tests/fakes`, in a module next to them, or in `wao_predict.testing`."""
    borrowed = [
        f"{path.relative_to(TESTS)} imports {name}"
        for path in FILES
        for name in _imports(path)
        if re.match(r"tests\b.*\.test_\w+$", name)
    ]
    assert [] == borrowed


def test_tests_use_only_public_names_of_the_code() -> None:
    """A name with an underscore may be used in the file that defines it."""
    assert [] == [f"{path.relative_to(TESTS)} uses {name}" for path in FILES for name in _private_names(path)]


def _private_names(path: Path) -> set[str]:
    nodes = _nodes(path)
    own = OF_NAMED_TUPLES | OF_NOTEBOOKS | {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and _is_self(node.value)}
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    used |= {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    return {name for name in used - own if re.match(r"_[a-z]", name)}


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}


def _imports(path: Path) -> Iterator[str]:
    for node in _nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)

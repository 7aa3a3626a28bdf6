"""The pages that are generated from the code."""

from __future__ import annotations

from importlib.metadata import entry_points

from docs.generator.commands import commands, commands_page
from docs.generator.markdown import table
from docs.generator.metrics import metrics_page
from docs.generator.resources import resources_page
from docs.generator.settings import settings_page
from wao_core.crds.models import EndpointTerm

TEXT = """\
# HELP wao_things_total Things that were counted
# TYPE wao_things_total counter
wao_things_total{kind="a"} 2.0
# HELP wao_build_info What is running.
# TYPE wao_build_info gauge
wao_build_info 1.0
"""
OTHER = "# HELP wao_build_info What is running.\n# TYPE wao_build_info gauge\nwao_build_info 1.0\n"


def test_every_command_and_flag_has_a_row() -> None:
    page = commands_page()
    found = dict(commands())
    names = {point.name for point in entry_points(group="wao.commands")}
    assert {name.split()[1] for name in found} == {name for name in names if "." not in name}
    assert {f"wao {name.replace('.', ' ')}" for name in names if "." in name} <= found.keys()
    for name, command in found.items():
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert [
            item.opts[0] for item in command.params if f"`{item.opts[0]}`" not in section and "-" in item.opts[0]
        ] == []


def test_every_field_of_an_endpoint_has_a_row() -> None:
    section = resources_page().split("\n### EndpointTerm\n")[1].split("\n### ")[0]
    for name, field in EndpointTerm.model_fields.items():
        assert f"`{field.alias or name}`" in section


def test_a_duration_has_its_unit_and_a_choice_its_values() -> None:
    page = settings_page()
    assert "| `metricsCacheTTL` | duration | `15s` |" in page
    assert "| `rule` | `lookahead`, `marginal` or `floor` | `lookahead` |" in page


def test_metrics_that_all_servers_have_are_listed_once() -> None:
    page = metrics_page({"scheduler": TEXT, "lb": OTHER})
    assert page.count("`wao_build_info`") == 1
    assert "| `wao_things_total` | counter | Things that were counted. |" in page


def test_a_table_leaves_out_columns_without_values_and_escapes_bars() -> None:
    assert table(["a", "b"], [["x|y", ""], ["z", ""]]) == "| a |\n| --- |\n| x\\|y |\n| z |"
    assert table(["a"], []) == ""

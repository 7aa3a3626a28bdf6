"""Write the generated files of charts/wao; with --check only report whether they are up to date."""

from __future__ import annotations

import sys

from docs.generator.files import ROOT, write_or_check
from release.chart.chart_file import chart_yaml
from release.chart.defaults import default_values
from release.chart.templates import templates
from release.chart.values_file import values_schema, values_yaml

FOLDER = ROOT / "charts" / "wao"


def files() -> dict[str, str]:
    """Return the text of each generated file by its path in the chart."""
    values = default_values()
    return {
        "Chart.yaml": chart_yaml(values.image.tag),
        "values.yaml": values_yaml(values),
        "values.schema.json": values_schema(),
        **{f"templates/{name}": text for name, text in templates().items()},
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with --check return 1 if any of them is out of date."""
    return write_or_check(FOLDER, files(), arguments, remedy="make chart")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

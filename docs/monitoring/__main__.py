"""Write manifests/monitoring/dashboards; with --check only report whether they are up to date."""

from __future__ import annotations

import sys

from docs.generator.files import ROOT, write_or_check
from docs.monitoring.dashboards import documents

FOLDER = ROOT / "manifests" / "monitoring" / "dashboards"


def main(arguments: list[str]) -> int:
    """Write the dashboards, or with --check return 1 if any of them is out of date."""
    return write_or_check(FOLDER, documents(), arguments, remedy="make dashboards")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

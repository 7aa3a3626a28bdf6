"""Write manifests/monitoring/dashboards; with --check only report whether they are up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.monitoring.dashboards import documents

FOLDER = Path(__file__).parents[2] / "manifests" / "monitoring" / "dashboards"


def main(arguments: list[str]) -> int:
    """Write the dashboards, or with --check return 1 if any of them is out of date."""
    stale = []
    for name, text in documents().items():
        file = FOLDER / name
        if "--check" not in arguments:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        sys.stderr.write(f"out of date in manifests/monitoring/dashboards: {', '.join(stale)}; run make dashboards\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

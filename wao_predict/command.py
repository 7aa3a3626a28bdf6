"""The entry point of the command `wao`: it imports the command line so that Ctrl-C never shows a traceback."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit."""
    try:
        from wao_predict.cli import main as run
    except KeyboardInterrupt:  # the imports take a moment
        sys.exit(130)
    run()

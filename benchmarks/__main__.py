"""Runs the named benchmarks, or all of them; with --save also keeps the figures and writes a page."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from benchmarks import BENCHMARKS, load
from benchmarks.figures import BenchmarkResult, recording, write
from benchmarks.page import write_page


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--save", action="store_true", help="keep the figures, and write the page of all runs")
    given = parser.parse_args()
    names = given.names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    results = [_run(name, keep_going=given.save) for name in names]
    if given.save:
        print(f"\nthe figures are in {write(results)}\nthe history is at file://{write_page()}")


def _run(name: str, *, keep_going: bool) -> BenchmarkResult:
    print(f"\n=== {name}", flush=True)
    began = time.perf_counter()
    with recording(name) as result:
        try:
            load(name)()
        except Exception as error:
            if not keep_going:
                raise
            traceback.print_exc()  # the other benchmarks are worth an hour of waiting
            result.error = f"{type(error).__name__}: {error}"[:200]
    result.seconds = round(time.perf_counter() - began, 1)
    return result


main()

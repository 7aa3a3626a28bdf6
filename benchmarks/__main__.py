"""Runs the benchmarks named on the command line, or all of them."""

from __future__ import annotations

import sys

from benchmarks import BENCHMARKS, load

names = sys.argv[1:] or list(BENCHMARKS)
unknown = [name for name in names if name not in BENCHMARKS]
if unknown:
    sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
for name in names:
    print(f"\n=== {name}", flush=True)
    load(name)()

"""The real control plane of the test bed for benchmarks, where its programs are built."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.build import build, is_built


@contextmanager
def cluster(*, kwok: bool = True, thrifty: bool = False) -> Iterator[ControlPlane | None]:
    """Give a control plane, `thrifty` or not, or None and say why when its programs are not built."""
    if not is_built():
        print("skipped: the control plane is not built; `make test-cluster` builds it once, from source (needs Go)")
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="wao-bench-") as folder:
        bed = ControlPlane(build(), Path(folder), thrifty=thrifty)
        try:
            yield bed.start_all(kwok=kwok)
        finally:
            bed.stop()

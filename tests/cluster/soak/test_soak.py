"""Random disturbances for `SOAK_SECONDS`; what must hold is checked throughout, and printed as a report at the end."""

from __future__ import annotations

import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.bed.hardware import Hardware
from tests.cluster.conftest import control_plane
from tests.cluster.soak.disturbances import disturbances
from tests.cluster.soak.invariants import MIB, Figures, Observer, Recovery, problems
from tests.cluster.soak.site import BMC, SoakSite

SECONDS = float(os.environ.get("SOAK_SECONDS") or 300)
SEED = int(os.environ.get("SOAK_SEED") or 1)
WELL = 90.0
"""Seconds after the end of a disturbance within which everything must work again."""

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(SECONDS + 1200)]


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="module")
def site(bed: ControlPlane) -> Iterator[SoakSite]:
    with Hardware(1, bed.service_ca.issue("bmc", hosts=(BMC, "127.0.0.1"))) as hardware:
        made = SoakSite(bed, bed.start_metrics_server(), hardware)
        try:
            made.start()
            yield made
        finally:
            made.close()


def test_whatever_fails_scores_and_weights_go_on_and_all_is_well_soon(site: SoakSite) -> None:
    draw, recoveries = random.Random(SEED), defaultdict[str, Recovery](Recovery)
    with site.client() as client:

        def well() -> bool:
            found[:] = problems(site, client)
            return not found

        found: list[str] = []
        began = time.monotonic()
        while not well():
            assert time.monotonic() - began < 300.0, f"at the begin: {found}"
            time.sleep(0.5)  # between two looks
        known = disturbances(site)
        ends = time.monotonic() + SECONDS
        due: list[str] = []
        with Observer(site) as observer:
            while time.monotonic() < ends and not observer.violations:
                if not due:
                    due = draw.sample(list(known), len(known))
                name = due.pop()
                known[name](site, observer)
                began = time.monotonic()
                while not well():
                    assert time.monotonic() - began < WELL, f"after {name}: {found}"
                    time.sleep(0.2)  # between two looks
                recoveries[name].add(time.monotonic() - began)
    sys.stdout.write(report(recoveries, observer.figures))
    assert not observer.violations


def report(recoveries: Mapping[str, Recovery], figures: Mapping[str, Figures]) -> str:
    """Return the two tables of docs/reliability.md."""
    lines = ["", "| disturbance | times | back to normal after, at most |", "|---|---|---|"]
    lines += [f"| {name} | {each.count} | {each.longest:.1f} s |" for name, each in sorted(recoveries.items())]
    lines += ["", "| part | processes | memory, at most | descriptors, at most | answers | longest wait |"]
    lines += ["|---|---|---|---|---|---|"]
    for name, each in sorted(figures.items()):
        waits = f"{each.answers} | {each.longest:.2f} s" if each.answers else " | "
        lines.append(f"| {name} | {each.processes} | {each.memory / MIB:.0f} MiB | {each.descriptors} | {waits} |")
    return "\n".join([*lines, ""])

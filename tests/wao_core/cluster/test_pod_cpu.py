"""The CPU of a Pod as kube-scheduler counts it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.api_objects import SIDECAR, container, pod
from wao_core.cluster.pod_cpu import Cores, decode_cores
from wao_predict.errors import QuantityError


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": [container("500m"), container("250m")]}, 0.75),
        ({"containers": [container(limit="2")]}, 2.0),
        ({"containers": [container("1", "2")]}, 1.0),
        ({"containers": [container()]}, None),
        ({"containers": [container("1"), container()]}, 1.0),
        ({"containers": [container("100m")], "initContainers": [container("2"), container("1")]}, 2.0),
        ({"containers": [container("1")], "initContainers": [container("300m", **SIDECAR)]}, 1.3),
        (
            {"containers": [container("1")], "initContainers": [container("300m", **SIDECAR), container("2")]},
            2.3,
        ),
        ({"containers": [container("1")], "initContainers": [container("2"), container("300m", **SIDECAR)]}, 2.0),
        ({"containers": [container("1Ei")]}, 2.0**60),
        ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, 1.25),
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "3"}}}, 3.0),
        ({"containers": [container("1")], "resources": {"limits": {"cpu": "4"}}}, 4.0),
        ({"containers": None, "initContainers": None}, None),
    ],
)
def test_a_pods_cpu_counts_as_in_the_scheduler(spec: dict[str, Any], expected: float | None) -> None:
    assert expected == (pytest.approx(pod(**spec).cpu_request) if expected is not None else pod(**spec).cpu_request)


def test_a_limit_is_known_only_when_every_container_has_one() -> None:
    assert pod(containers=[container(limit="1"), container(limit="500m")]).cpu_limit == 1.5
    assert pod(containers=[container(limit="1"), container("1")]).cpu_limit is None


CPU = st.none() | st.integers(1, 5000)


@given(st.lists(CPU, max_size=3), st.lists(st.tuples(CPU, st.booleans()), max_size=4))
def test_a_request_is_at_least_that_of_the_containers_and_of_each_init_container(
    apps: list[int | None], inits: list[tuple[int | None, bool]]
) -> None:
    def spec_of(cpu: int | None, sidecar: bool = False) -> dict[str, object]:
        return container(None if cpu is None else f"{cpu}m", **(SIDECAR if sidecar else {}))

    found = pod(
        containers=[spec_of(cpu) for cpu in apps], initContainers=[spec_of(cpu, sidecar) for cpu, sidecar in inits]
    ).cpu_request
    stated = [cpu for cpu in [*apps, *(cpu for cpu, _ in inits)] if cpu is not None]
    if not stated:
        assert found is None
        return
    running = sum(cpu or 0 for cpu in apps) + sum(cpu or 0 for cpu, sidecar in inits if sidecar)
    assert found is not None
    assert 1000 * found >= max(running, *(cpu or 0 for cpu, _ in inits), 0) - 1e-6
    assert 1000 * found <= sum(stated) + 1e-6


def test_equal_quantities_are_one_object() -> None:
    """The Pods of a cluster use only a few sizes."""
    assert decode_cores(Cores, "1500m") is decode_cores(Cores, "1500m")
    assert decode_cores(Cores, 2) == 2.0


@pytest.mark.parametrize("value", ["lots", "-1", None, [], True])
def test_what_is_no_quantity_is_refused(value: object) -> None:
    with pytest.raises(QuantityError):
        decode_cores(Cores, value)

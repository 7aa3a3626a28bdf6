"""The limits of a server's connections."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from wao_core.serving.limits import MOST_CONNECTIONS, ServerLimits, connection_limit


@contextmanager
def descriptors(soft: int) -> Iterator[None]:
    """Run with this limit of open files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(("most", "limit"), [(10, 10), (128, 128), (129, 128), (MOST_CONNECTIONS, 128)])
def test_half_of_the_descriptors_are_left_for_other_uses(most: int, limit: int) -> None:
    with descriptors(256):
        assert connection_limit(most) == limit
        assert ServerLimits().connections == 128


def test_there_is_always_one_connection() -> None:
    with descriptors(256):
        assert connection_limit(0) == 1

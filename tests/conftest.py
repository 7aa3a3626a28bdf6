"""Shared by all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# CI draws the same examples every time, so that a failure can be reproduced; other runs try new ones
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("local", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=5000, suppress_health_check=list(HealthCheck))
settings.load_profile("fuzz" if os.environ.get("WAO_FUZZ") else "ci" if os.environ.get("CI") else "local")

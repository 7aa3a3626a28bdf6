"""Shared by all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# the same examples are drawn every time, so that a failure can be reproduced; with WAO_NEW_EXAMPLES new ones
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("new", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=5000, suppress_health_check=list(HealthCheck))
chosen = "fuzz" if os.environ.get("WAO_FUZZ") else "new" if os.environ.get("WAO_NEW_EXAMPLES") else "same"
settings.load_profile(chosen)

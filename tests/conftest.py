"""Shared by all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# CI draws the same examples every time, so that a red run can be looked into; elsewhere new ones are tried
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("local", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")

"""Imports what most commands use: the process from which tests fork commands imports this module once."""

from __future__ import annotations

import contextlib
import io

import httpx2
import numpy as np
import onnxruntime

from wao_predict.cli import build
from wao_predict.models import metadata

# typer imports some modules at the first use
with contextlib.redirect_stdout(io.StringIO()):
    build()(["predict", "--help"], standalone_mode=False, prog_name="wao")
__all__ = ["httpx2", "metadata", "np", "onnxruntime"]

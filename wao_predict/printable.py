"""Text of other programs in a form that can be shown: in a terminal, a log, a status or an Event.

The names of a BMC's sensors and the messages of servers may have control characters: a line break forges a line of a
log, and an escape sequence changes what a terminal shows.
"""

from __future__ import annotations

import sys


def printable(text: str) -> str:
    r"""Return a text with its control characters, line breaks, direction marks and surrogates as escapes.

    Examples
    --------
    >>> printable("Inlet\nTemp \x1b[31m")
    'Inlet\\nTemp \\x1b[31m'
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def say(line: str) -> None:
    """Write a line to standard error, whatever text of other programs is in it."""
    sys.stderr.write(printable(line) + "\n")


def _shown(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii")

"""Markdown of the generated pages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTE = "<!-- Generated from the code by `make docs-reference`; do not edit. -->\n"


def page(title: str, *parts: str) -> str:
    """Return a page with a note that it is generated."""
    return NOTE + "\n" + "\n\n".join([f"# {title}", *(part.strip("\n") for part in parts if part)]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, or an empty string without rows; columns that are empty in all rows are left out."""
    listed = [list(row) for row in rows]
    if not listed:
        return ""
    used = [index for index in range(len(header)) if any(row[index] for row in listed)]
    lines = [[header[index] for index in used], ["---"] * len(used)]
    lines += [[cell(row[index]) for index in used] for row in listed]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(text: str) -> str:
    """Return text that does not end a table cell."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: object) -> str:
    """Return text as code, or an empty string without text."""
    return f"`{text}`" if text not in (None, "") else ""


def alternatives(words: Sequence[str]) -> str:
    """Return words as one of them: "a", "a or b", "a, b or c"."""
    return " or ".join([part for part in (", ".join(words[:-1]), *words[-1:]) if part])


def sentence(text: str) -> str:
    """Return text that starts with a capital letter and ends with a full stop."""
    words = " ".join(text.split())
    return (words[:1].upper() + words[1:]).rstrip(".") + "." if words else ""

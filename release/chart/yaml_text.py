"""One YAML document as text that is edited at the places of its nodes; comments and order stay."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

Path = tuple[str | int, ...]


class YamlText:
    r"""A document and the edits to apply to it.

    >>> document = YamlText("spec:\n  replicas: 2 # two\n")
    >>> document.replace(("spec", "replicas"), "{{ .Values.replicas }}")
    >>> document.edited()
    'spec:\n  replicas: {{ .Values.replicas }} # two\n'
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = text.splitlines(keepends=True)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise ValueError("there is no document in the text")
        self._root: yaml.Node = root
        self._edits: list[tuple[int, int, str]] = []

    def has(self, path: Path) -> bool:
        """Return whether there is a node at this path."""
        return self._entry(path) is not None

    def replace(self, path: Path, text: str) -> None:
        """Replace the value at this path, which must be on one line."""
        node = self._node(path)
        self._edit(node.start_mark.index, node.end_mark.index, text)

    def replace_entry(self, path: Path, text: str) -> None:
        """Replace the lines of a key and its value; `text` has the indentation of the first column."""
        first, end = self._line_range(path)
        self._edit(self._offset(first), self._offset(end), self._indented(path, text))

    def insert_after(self, path: Path, text: str) -> None:
        """Insert lines after an entry or a list item, with its indentation."""
        _, end = self._line_range(path)
        self._edit(self._offset(end), self._offset(end), self._indented(path, text))

    def wrap(self, path: Path, before: str, after: str) -> None:
        """Put lines before and after an entry or a list item."""
        first, end = self._line_range(path)
        self._edit(self._offset(first), self._offset(first), f"{before}\n")
        self._edit(self._offset(end), self._offset(end), f"{after}\n")

    def substitute(self, pattern: re.Pattern[str], replacement: str) -> None:
        """Replace a pattern in all values, not in keys and comments; a value that is replaced as a whole stays."""
        for node in _values(self._root):
            begin, end = node.start_mark.index, node.end_mark.index
            for found in pattern.finditer(self._text, begin, end):
                if not any(start <= found.start() < stop for start, stop, _ in self._edits):
                    self._edit(found.start(), found.end(), found.expand(replacement))

    def edited(self) -> str:
        """Return the text with all edits."""
        text = self._text
        for begin, end, new in sorted(self._edits, key=lambda edit: edit[:2], reverse=True):
            text = text[:begin] + new + text[end:]
        return text

    def _edit(self, begin: int, end: int, text: str) -> None:
        # of edits at one place, the first one comes first in the text
        for number, (start, stop, present) in enumerate(self._edits):
            if start == stop == begin == end:
                self._edits[number] = (start, stop, present + text)
                return
        self._edits.append((begin, end, text))

    def _node(self, path: Path) -> yaml.Node:
        entry = self._entry(path)
        if entry is None:
            raise LookupError(f"no value at {'/'.join(map(str, path))} in\n{self._text[:200]}")
        return entry[1]

    def _entry(self, path: Path) -> tuple[yaml.Node, yaml.Node] | None:
        """Return key and value; of a list item, twice the item."""
        key = value = self._root
        for part in path:
            if isinstance(value, yaml.MappingNode):
                found = [pair for pair in value.value if pair[0].value == part]
                if not found:
                    return None
                key, value = found[0]
            elif isinstance(value, yaml.SequenceNode) and isinstance(part, int):
                if not -len(value.value) <= part < len(value.value):
                    return None
                key = value = value.value[part]
            else:
                return None
        return key, value

    def _line_range(self, path: Path) -> tuple[int, int]:
        entry = self._entry(path)
        if entry is None:
            self._node(path)  # raises
        assert entry is not None
        return entry[0].start_mark.line, _last_line(entry[1]) + 1

    def _indented(self, path: Path, text: str) -> str:
        first, _ = self._line_range(path)
        line = self._lines[first]
        indentation = line[: len(line) - len(line.lstrip())]
        return "".join(f"{line}\n" if line.startswith("{{") else f"{indentation}{line}\n" for line in text.splitlines())

    def _offset(self, line: int) -> int:
        return sum(map(len, self._lines[:line]))


def _values(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _values(item)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _values(value)


def _last_line(node: yaml.Node) -> int:
    """Return the last line of a node; the end of a block is only known from what is in it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    end = node.end_mark
    return int(end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line)

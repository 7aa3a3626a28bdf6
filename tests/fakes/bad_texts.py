"""Texts that are no manifests, most of them made to exhaust a parser."""

from __future__ import annotations

LAUGHS = "".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10))
MERGES = "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 10))
BAD_TEXTS = {
    "a long number": "a: " + "9" * 10_000,
    "a long number as kind": "apiVersion: v1\nkind: 0x" + "f" * 10_000,
    "a long number in base 60": "a: 1" + ":1" * 400 + ".5",
    "5,000 brackets": "[" * 5000,
    "100 kB of brackets": "[" * 100_000,
    "100 kB of mappings": "{a: " * 25_000,
    "100 kB of block sequences": "- " * 50_000,
    "100 kB of keys": "- ? " * 25_000,
    "a deep value after a good document": "a: 1\n---\n" + "[" * 100_000,
    "NUL": "\x00",
    "an alias of itself": "a: &a [*a]",
    "a billion laughs": "a0: &a0 [lol]\n" + LAUGHS,
    "a billion merged keys": "a0: &a0 {lol: 1}\n" + MERGES,
    "an empty integer": "a: !!int ''",
    "a timestamp of letters": "a: !!timestamp x",
    "a truth value of letters": "a: !!bool x",
    "an unknown tag": "a: !secret x",
    "a list of letters": "kind: List\nitems: abc",
}

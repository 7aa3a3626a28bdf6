"""The page of Prometheus metrics, from the text that the servers publish. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from docs.generator.markdown import code, page, sentence, table

INTRODUCTION = """\
Every server publishes these metrics at `/metrics` in the Prometheus text format. A histogram also has the series
`_bucket`, `_sum` and `_count`."""
TITLES = {
    "metrics-api": "Metrics API",
    "scheduler": "Scheduler extender",
    "lb": "Weight service",
    "lb-agent": "Node agent",
    "rebalance": "Rebalancer",
    "controller": "Controller",
    "standby": "Standby",
    "ui": "Page",
}

COMMANDS = {"standby": "standby controller"}
"""Commands of servers whose name differs from that of the component."""

Families = dict[str, tuple[str, str]]
"""Type and help by name."""


def metrics_page(texts: Mapping[str, str], in_cluster: str = "") -> str:
    """Return the page for the servers' texts by command, and that of servers that read an API server."""
    servers = {name: families(text) for name, text in texts.items()}
    shared = set.intersection(*(set(found) for found in servers.values()))
    first = next(iter(servers.values()))
    parts = [_section("Every server", {name: first[name] for name in shared})] if shared else []
    for name, found in servers.items():
        own = {metric: about for metric, about in found.items() if metric not in shared}
        command = COMMANDS.get(name, name)
        parts.append(_section(f"{TITLES[name]} (`wao {command}`)", own))
    if in_cluster:
        parts.append(_section("Servers that read an API server", families(in_cluster)))
    return page("Metrics", INTRODUCTION, *parts)


def families(text: str) -> Families:
    """Return the metric families in a text."""
    helps, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, _, help_ = line.removeprefix("# HELP ").partition(" ")
            helps[name] = help_.replace("\\n", " ").replace("\\\\", "\\")
        elif line.startswith("# TYPE "):
            name, _, types[name] = line.removeprefix("# TYPE ").partition(" ")
    return {name: (types.get(name, ""), helps[name]) for name in helps}


def _section(title: str, found: Families) -> str:
    rows = [[code(name), kind, sentence(help_)] for name, (kind, help_) in sorted(found.items())]
    return f"## {title}\n\n{table(['metric', 'type', 'description'], rows)}"

"""Check `manifests`: every document of a folder can be used. Pure."""

from __future__ import annotations

from wao_doctor.facts import Facts, known
from wao_doctor.findings import Kind, Outcome, Severity, plural

REFUSED = Kind(
    "manifest-refused",
    Severity.ERROR,
    "A manifest cannot be used.",
    "The object is ignored; the other ones of the folder are used.",
    "file, document, field and reason",
    "Correct the manifest.",
)
EMPTY = Kind(
    "no-nodes",
    Severity.WARNING,
    "The folder has no Node.",
    "Applications start, and have nothing to do.",
    "the number of objects",
    "Add Nodes to the folder, as in examples/fleet.",
)
KINDS = (REFUSED, EMPTY)


def check_manifests(facts: Facts) -> Outcome:
    """Examine what could not be read in the folder."""
    found = [REFUSED.found(problem.where, problem.reason) for problem in known(facts.problems)]
    nodes, configs = known(facts.nodes).objects, known(facts.node_configs).objects
    if not nodes:
        found.append(EMPTY.found("Nodes", f"0 Nodes, {plural(len(configs), 'NodeConfig')}"))
    return Outcome(f"{plural(len(nodes), 'Node')} and {plural(len(configs), 'NodeConfig')}", found)

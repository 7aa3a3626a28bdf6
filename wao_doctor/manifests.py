"""The manifests of this release: the parts, and the rights that each of them needs. They are a part of the package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from wao_doctor.facts import Right

_INSTALLED = Path(__file__).resolve().parent / "manifests"
FOLDER = _INSTALLED if _INSTALLED.is_dir() else _INSTALLED.parents[1] / "manifests"
"""The folder of manifests in a checkout, or its copy in an installed package."""
OPTIONAL = frozenset({"rebalance", "standby", "ui"})
"""Folders of parts that are applied on their own."""
SWITCHED = {"cilium": "--cilium"}
"""Folders of components whose rights a part needs only with this flag."""
_WORKLOADS = ("Deployment", "DaemonSet")

Document = Mapping[str, Any]


@cache
def documents() -> tuple[tuple[str, Document], ...]:
    """Return all documents, each with the name of its folder."""
    return tuple(
        (path.parent.name, document)
        for path in sorted(FOLDER.rglob("*.yaml"))
        for document in yaml.load_all(path.read_text(encoding="utf-8"), Loader=_LOADER)
        if document
    )


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parts() -> dict[str, str]:
    """Return the folder of each workload by its name."""
    return {item["metadata"]["name"]: folder for folder, item in documents() if item["kind"] in _WORKLOADS}


def rights_of(accounts: Iterable[str], flags: Iterable[str] = ()) -> list[Right]:
    """Return the rights that the manifests give to accounts, without those of built-in roles.

    Parameters
    ----------
    accounts
        As "namespace/name".
    flags
        The flags of the installed parts, which switch on the components in `SWITCHED`.
    """
    wanted, given = set(accounts), set(flags)
    off = {folder for folder, flag in SWITCHED.items() if flag not in given}
    roles = {
        (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]): item["rules"]
        for _, item in documents()
        if item["kind"] in ("Role", "ClusterRole")
    }
    found = set()
    for folder, item in documents():
        if folder in off or item["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        namespace = item["metadata"].get("namespace", "")
        kind, name = item["roleRef"]["kind"], item["roleRef"]["name"]
        rules = roles.get((kind, namespace if kind == "Role" else "", name), ())
        for subject in item["subjects"]:
            account = f"{subject.get('namespace', '')}/{subject['name']}"
            if account in wanted:
                found |= {right for rule in rules for right in _rights(account, namespace, rule)}
    return sorted(found)


def _rights(account: str, namespace: str, rule: Document) -> Iterator[Right]:
    for group in rule.get("apiGroups", ()):
        for path in rule.get("resources", ()):
            resource, _, subresource = path.partition("/")
            for verb in rule["verbs"]:
                for name in rule.get("resourceNames") or ("",):
                    yield Right(account, verb, group, resource, subresource, namespace, name)

"""Reads the facts that the selected checks need, from an API server or a folder, and makes the checks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from wao_core.kube.client import ACCOUNT, KubeClient
from wao_core.serving.endpoint_options import EndpointOptions
from wao_doctor.facts import Facts
from wao_doctor.gathering.cluster import ClusterFacts
from wao_doctor.gathering.folder import FolderFacts
from wao_doctor.registry import Check, checks
from wao_doctor.report import Report, examine
from wao_doctor.settings import DoctorSettings
from wao_predict.errors import UsageError

USUAL = Path("~/.kube/config")
"""The kubeconfig that kubectl uses by default."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A report, and the facts that it is based on."""

    report: Report
    facts: Facts


def select(settings: DoctorSettings, only: Sequence[str], *, folder: bool) -> list[Check]:
    """Return the checks that can be made, or those of these names.

    Raises
    ------
    UsageError
        A name is unknown, or its check cannot be made here.
    """
    possible = [check for check in checks(settings) if (check.folder if folder else check.cluster)]
    names = [check.name for check in possible]
    if wrong := [name for name in only if name not in names]:
        known = {check.name for check in checks(settings)}
        why = "needs a cluster" if folder else "needs a folder of manifests"
        said = f"the check {wrong[0]} {why}" if wrong[0] in known else f"there is no check {wrong[0]!r:.60}"
        raise UsageError(f"--only: {said}; choose from {', '.join(names)}")
    return [check for check in possible if not only or check.name in only]


async def diagnose_cluster(client: KubeClient, settings: DoctorSettings, only: Sequence[str] = ()) -> Diagnosis:
    """Examine a cluster.

    Raises
    ------
    UsageError
        A name in `only` is not that of a check.
    """
    chosen = select(settings, only, folder=False)
    facts = await ClusterFacts(client, settings).gather(_needs(chosen))
    return Diagnosis(examine(chosen, facts, about=client.host, version=_version()), facts)


async def diagnose_folder(
    folder: Path, settings: DoctorSettings, only: Sequence[str] = (), endpoints: EndpointOptions | None = None
) -> Diagnosis:
    """Examine a folder of manifests, its sensors and its models; errors as `diagnose_cluster`."""
    chosen = select(settings, only, folder=True)
    facts = await FolderFacts(folder, settings.timeout, endpoints).gather(_needs(chosen))
    return Diagnosis(examine(chosen, facts, about=str(folder), version=_version()), facts)


def usual_kubeconfig() -> Path | None:
    """Return kubectl's default kubeconfig, None in a Pod and where there is none."""
    usual = USUAL.expanduser()
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ and ACCOUNT.is_dir()
    return usual if not in_pod and usual.is_file() else None


def _needs(chosen: Sequence[Check]) -> list[str]:
    return list(dict.fromkeys(name for check in chosen for name in check.needs))


def _version() -> str:
    return metadata.version("wao-predict")

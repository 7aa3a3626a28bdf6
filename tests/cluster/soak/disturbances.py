"""What is done to the cluster, by name. Each returns when it is over; then everything must work again soon."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tests.cluster.bed.deployment import NAMESPACE
from tests.cluster.bed.program import wait_for
from tests.cluster.soak.invariants import Observer
from tests.cluster.soak.site import SoakSite

SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
API_FROZEN, PART_FROZEN, ILL = 30.0, 5.0, 10.0
"""Seconds for which the API server is frozen, another part is frozen, and a BMC or the names are ill."""

Disturbance = Callable[[SoakSite, Observer], None]


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process without ending it: it keeps its connections and answers nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def pause(seconds: float) -> None:
    """Let time pass: a disturbance has a duration."""
    time.sleep(seconds)


def end(name: str, *, kill: bool) -> Disturbance:
    """Return a disturbance that ends a part, as a crash or as an update does, and starts it again."""

    def disturb(site: SoakSite, observer: Observer) -> None:
        part = site.parts[name]
        with observer.silent(name):
            observer.will_end(part)
            part.stop(kill=kill)
            if part is site.metrics_api:
                other = {"metrics API 1": "metrics API 2", "metrics API 2": "metrics API 1"}[name]
                site.lead_to(site.parts[other])
            observer.add(name, site.start_part(name))
            wait_for(lambda: site.is_ready(name), f"{name} is ready")

    return disturb


def freeze(name: str) -> Disturbance:
    """Return a disturbance that freezes a part for some seconds."""

    def disturb(site: SoakSite, observer: Observer) -> None:
        with observer.silent(name), frozen(site.parts[name].process.pid):
            pause(PART_FROZEN)

    return disturb


def freeze_apiserver(site: SoakSite, _: Observer) -> None:
    """Freeze the API server; scores and weights go on."""
    assert site.bed.apiserver is not None
    with frozen(site.bed.apiserver.pid):
        pause(API_FROZEN)


def restart_apiserver(site: SoakSite, _: Observer) -> None:
    """End the API server and start it again."""
    site.bed.stop_apiserver()
    site.bed.start_apiserver()


def freeze_metrics_server(site: SoakSite, _: Observer) -> None:
    """Freeze metrics-server: CPU figures get old."""
    with frozen(site.metrics_server.pid):
        pause(ILL)


def fail_names(site: SoakSite, _: Observer) -> None:
    """Let the BMC's name resolve no more for a while."""
    site.let_names_resolve(False)
    try:
        pause(ILL)
    finally:
        site.let_names_resolve(True)


def hang_bmc(site: SoakSite, _: Observer) -> None:
    """Let the BMC accept connections and answer nothing."""
    faults = site.hardware.bmcs[0].faults
    faults.hang = True
    try:
        pause(ILL)
    finally:
        faults.hang = False


def rotate(part: str, secret: str) -> Disturbance:
    """Return a disturbance that has a serving certificate issued again and mounted, as a kubelet does."""

    def disturb(site: SoakSite, _: Observer) -> None:
        admin, container = site.bed.admin, site.parts[part]
        before = admin.get(f"{SECRETS}/{secret}")["data"]["tls.crt"]
        admin.delete(f"{SECRETS}/{secret}")

        def issued() -> bool:
            answer = admin.request("GET", f"{SECRETS}/{secret}")
            return answer.status_code == 200 and answer.json()["data"]["tls.crt"] != before

        wait_for(issued, f"a new certificate in {secret}")
        loaded = container.text().count("loaded the changed serving certificate")
        site.deployment.mount({"secret": {"secretName": secret}, "name": "tls"}, container.mounts / "tls")
        wait_for(lambda: container.text().count("loaded the changed serving certificate") > loaded, "it is loaded")

    return disturb


def lose_authority(site: SoakSite, _: Observer) -> None:
    """Delete the key of the authority: another one is made, and both are trusted."""
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/wao-ca"
    before = site.bed.admin.get(path)["data"]["ca.crt"]
    site.bed.admin.delete("/api/v1/namespaces/wao-pki/secrets/wao-ca")
    wait_for(lambda: site.bed.admin.get(path)["data"]["ca.crt"] != before, "a new authority")


def change_nodes(site: SoakSite, _: Observer) -> None:
    """Let a node join, another one leave, and the template change."""
    site.remove_node(sorted(site.nodes)[0])
    site.add_node(f"soak-{os.urandom(3).hex()}")
    site.edit_template("3s" if site.interval == "2s" else "2s")


def disturbances(site: SoakSite) -> Mapping[str, Disturbance]:
    """Return all disturbances that this machine permits."""
    found: dict[str, Disturbance] = {}
    for name in site.parts:
        found[f"{name} killed"] = end(name, kill=True)
    for name in ("controller 1", "metrics API 1", "extender", "weight service"):
        found[f"{name} stopped and started"] = end(name, kill=False)
        found[f"{name} frozen for {PART_FROZEN:g} s"] = freeze(name)
    found[f"API server frozen for {API_FROZEN:g} s"] = freeze_apiserver
    found["API server restarted"] = restart_apiserver
    found[f"metrics-server frozen for {ILL:g} s"] = freeze_metrics_server
    found[f"BMC silent for {ILL:g} s"] = hang_bmc
    found["serving certificate of a metrics API issued again"] = rotate("metrics API 1", "wao-metrics-api-tls")
    found["serving certificate of the extender issued again"] = rotate("extender", "wao-scheduler-tls")
    found["serving certificate of the weight service issued again"] = rotate("weight service", "wao-lb-tls")
    found["key of the authority lost"] = lose_authority
    found["nodes join and leave, the template changes"] = change_nodes
    if site.resolves_names:
        found[f"DNS fails for {ILL:g} s"] = fail_names
    return found

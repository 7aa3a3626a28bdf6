"""The page of `wao ui` in a cluster: its account's rights are enough, and viewers need one right of their own."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx2
import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.bed.deployment import NAMESPACE, Container
from tests.cluster.bed.program import wait_for
from tests.cluster.conftest import kubectl
from tests.cluster.scheduler.fleets import Group
from tests.cluster.scheduler.site import LOOPBACK, Site
from tests.fakes.workload_manifests import MANIFESTS

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

ACCOUNTS = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
READ = "ok</span>"
"""What the table of sources says of each that was read."""


def resolving(folder: Path, *services: str) -> tuple[str, ...]:
    """Return what runs a command with the names of Services at loopback: the bed has no DNS."""
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {' '.join(f'{name}.{NAMESPACE}.svc' for name in services)}\n")
    script = 'mount --bind "$0" /etc/hosts && exec "$@"'
    return ("unshare", "--map-root-user", "--mount", "sh", "-c", script, str(hosts))


@pytest.fixture(scope="module")
def page(site: Site) -> Iterator[Container]:
    """The page with all that it reads, each part with its own account."""
    for part in ("rebalance", "standby", "ui"):
        site.deployment.apply(MANIFESTS / part)
    if not site.untainted():
        site.add(Group("page", {"edge_lenovo": 2}, load=(3.0, 15.0)))
    parts = {
        "rebalance": site.deployment.start("wao-rebalance", "--period=2", LOOPBACK, without=("--period",)),
        "standby": site.deployment.start("wao-standby", LOOPBACK),
        "lb": site.deployment.start("wao-lb", without=("--agent-check-port",)),
    }
    ports = {"scheduler": site.port} | {name: part.port for name, part in parts.items()}
    urls = [f"--{name}-url=https://wao-{name}.{NAMESPACE}.svc:{port}" for name, port in ports.items()]
    made = site.deployment.start(
        "wao-ui",
        "--period=1",
        *urls,
        without=tuple(f"--{name}-url" for name in ports),
        within=resolving(site.bed.folder, *(f"wao-{name}" for name in ports)),
    )
    yield made
    for container in (made, *parts.values()):
        container.stop()


def viewer(bed: ControlPlane, name: str) -> str:
    """Return a token of a new account."""
    bed.admin.create(ACCOUNTS, {"metadata": {"name": name}})
    return kubectl(bed, "-n", NAMESPACE, "create", "token", name).strip()


@pytest.fixture
def browser(page: Container) -> Iterator[httpx2.Client]:
    """What sends the cookie of the form."""
    with httpx2.Client(base_url=page.url, verify=False, timeout=20.0, headers={"Accept": "text/html"}) as made:
        yield made


def sign_in(browser: httpx2.Client, token: str) -> None:
    """Send the form with a token."""
    answer = browser.post("/login", data={"token": token, "next": "/inputs"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/inputs"), answer.text


def shown(browser: httpx2.Client, path: str) -> str:
    """Return the text of a page, which is in an HTML document as JSON."""
    return unescape(browser.get(path).text)


def test_the_rights_of_the_manifests_are_enough_for_every_source(
    bed: ControlPlane, page: Container, browser: httpx2.Client
) -> None:
    token = viewer(bed, "viewer")
    account = f"--serviceaccount={NAMESPACE}:viewer"
    kubectl(bed, "create", "clusterrolebinding", "viewer", "--clusterrole=wao-ui-viewer", account)
    sign_in(browser, token)
    wait_for(lambda: shown(browser, "/inputs").count(READ) == 8, "all eight sources are read", pause=1.0)
    actions = shown(browser, "/actions")
    assert "No move saves enough." in actions or "Planned moves" in actions
    assert "Switching off" in actions
    (first, *_) = [item["metadata"]["name"] for item in bed.admin.get("/api/v1/nodes")["items"]]
    assert f"Predicted power of {first}" in shown(browser, f"/nodes/{first}")
    kubectl(bed, "delete", "clusterrolebinding", "viewer")
    wait_for(lambda: browser.get("/inputs").status_code == 403, "the removed right ends the access", pause=0.5)
    assert "forbidden" not in page.text().lower(), page.text()


def test_a_viewer_without_the_right_sees_nothing(bed: ControlPlane, page: Container, browser: httpx2.Client) -> None:
    assert browser.get("/").headers["location"] == "/login?next=/"
    assert browser.post("/login", data={"token": "wrong"}).status_code == 403
    sign_in(browser, viewer(bed, "stranger"))
    assert browser.get("/inputs").status_code == 403

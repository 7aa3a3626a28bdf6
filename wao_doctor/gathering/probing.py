"""Readiness of a server, and the certificate that it presents: from here, or through the API server."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from urllib.parse import urlsplit

import aiohttp

from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.resources import api_path
from wao_doctor.facts import Missing, Probe
from wao_predict.printable import printable

READY = "/readyz?verbose"
MAX_ANSWER = 4096
"""Bytes of an answer that are read."""
_SEEN = (
    "The kubelet checks it, too: see whether its Pods are ready with `kubectl -n wao-system get pods -l "
    "app.kubernetes.io/name=wao-scheduler`."
)
_SERVICE = re.compile(r"(?P<name>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)(\.svc(\.cluster\.local)?)?")


async def reach(client: KubeClient, url: str, authorities: str, server_name: str, timeout: float) -> Probe | Missing:
    """Return the answer to a readiness check from here, or through the API server where that is not possible.

    A server that is silent may be behind a NetworkPolicy that admits others: then it is not known whether it answers.
    """
    if not await resolves(urlsplit(url).hostname or ""):
        return await probe_through(client, url, timeout)
    direct = await probe(url, authorities, server_name, timeout)
    if not direct.silent:
        return direct
    through = await probe_through(client, url, timeout)
    if isinstance(through, Probe):
        return through
    return Missing(f"not checked: {direct.text} from here, as behind a NetworkPolicy; {through.reason}", _SEEN)


async def resolves(host: str) -> bool:
    """Return whether a host name has an address here; the name of a Service has none outside the cluster."""
    try:
        return bool(await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except OSError:
        return False


async def probe(url: str, authorities: str, server_name: str, timeout: float) -> Probe:
    """Return the answer to a readiness check of the server at a URL.

    Parameters
    ----------
    authorities
        PEM of those that its certificate must be signed by; empty for those of the system.
    server_name
        Name that the certificate must have; empty for the host of the URL.
    """
    parts = urlsplit(url)
    target = f"{parts.scheme}://{parts.netloc}{READY}"
    limits = aiohttp.ClientTimeout(total=timeout)
    try:
        context = ssl.create_default_context(cadata=authorities or None)
        async with (
            aiohttp.ClientSession(timeout=limits, trust_env=False) as session,
            session.get(target, ssl=context, server_hostname=server_name or None, allow_redirects=False) as answer,
        ):
            text = await answer.content.read(MAX_ANSWER)
            return Probe(target, answer.status, failing_checks(text.decode(errors="replace")))
    except (aiohttp.ClientError, ssl.SSLError, TimeoutError, OSError, ValueError) as error:
        why = (
            f"no answer within {timeout:g} s" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        )
        return Probe(target, None, printable(why)[:MAX_ANSWER], silent=isinstance(error, TimeoutError))


async def probe_through(client: KubeClient, url: str, timeout: float) -> Probe | Missing:
    """Return the same through the API server, for a URL with the name of a Service."""
    found = _SERVICE.fullmatch(urlsplit(url).hostname or "")
    if found is None:
        return Missing(f"{urlsplit(url).hostname} is not a Service", "Run wao doctor where this name resolves.")
    name = f"https:{found['name']}:https"
    path = api_path("v1", "services", namespace=found["namespace"], name=name, subresource="proxy")
    try:
        body = await client.get(f"{path.replace('%3A', ':')}/readyz", query=[("verbose", "")], timeout=timeout)
        return Probe(url, 200, failing_checks(body.decode(errors="replace")))
    except KubeError as error:
        if error.status_code == 503 and "no endpoints" in str(error):
            return Probe(url, None, "the Service has no ready endpoints")
        return Missing(f"through the API server, which a NetworkPolicy may not admit: {error}", _SEEN)


def failing_checks(text: str) -> str:
    r"""Return the lines of failed checks of a readiness answer, or its start if it has none of the usual form.

    Examples
    --------
    >>> failing_checks("[+]tasks ok\n[-]curves failed: no curve\nreadyz check failed\n")
    'curves failed: no curve'
    """
    lines = [line for line in text.splitlines() if line.strip()]
    failed = [line.removeprefix("[-]") for line in lines if line.startswith("[-]")]
    return printable("; ".join(failed) if failed else " ".join(lines)[:200])

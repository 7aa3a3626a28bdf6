"""Pods a second through the real kube-scheduler, and how soon a changed metric decides; needs `make test-cluster` once.

1,000 kwok nodes, everything of ours deployed from the manifests, all nodes scored. 2,000 pods wait before their
scheduler starts, so that neither creating them nor their order is a limit. The extender is compared with one that
decodes the names and answers at once, which is the limit for any, by the same profile, over TLS with the same
certificate, and in the same run, and with one over plain HTTP, which shows the cost of TLS.

Most of the CPU per pod is used by the API server, and the CPU that a shared machine has left for it changes within
minutes. So nodes renew their Leases rarely here, the cases take turns, each round begins with another one, and ratios
are formed within a round and printed with their standard error. The CPU time per pod of each process depends less on
the machine's other work, and shows what the extender costs and where.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import httpx2
import msgspec
import numpy as np

from benchmarks.cluster import cluster
from benchmarks.figures import record
from benchmarks.processes import cpu_seconds, resident_bytes, serving
from tests.cluster.bed.controlplane import ControlPlane, pod
from tests.cluster.bed.program import free_port, wait_for
from tests.cluster.scheduler.fleets import NODE_CONFIGS, Group
from tests.cluster.scheduler.site import PODS, Site
from wao_predict.models import list_models

NODES, WAITING, ROUNDS = 1000, 2000, 5
SCORE_ALL = {"percentageOfNodesToScore": 100}


STOCK, OURS = "stock profile, no extender", "shipped profile, our extender"


@dataclass(frozen=True)
class Round:
    """What one kube-scheduler did: pods bound per second, and CPU milliseconds of each process per pod."""

    rate: float
    cpu: dict[str, float]


def main() -> None:
    """Print pods a second by kind of extender, and the time from a changed metric to a score."""
    with cluster(thrifty=True) as bed:
        if bed is None:
            return
        site = Site(bed, bed.start_metrics_server(), settings={}).start(schedulers=False)
        try:
            types = [info.name for info in list_models()]
            group = Group("bench", dict.fromkeys(types, NODES // len(types)), load=(0.1, 30.0))
            site.add(group)
            _rates(site)
            _metric_to_score(site, group)
        finally:
            site.close()


def _rates(site: Site) -> None:
    shipped = site.scheduler_config()
    (profile,), (extender,) = shipped["profiles"], shipped["extenders"]
    encrypted = partial(
        serve_at_once, certificate=_flag(site, "--tls-cert-file"), key=_flag(site, "--tls-private-key-file")
    )
    with serving(serve_at_once, scheme="http") as (url, _), serving(encrypted) as (tls_url, _):
        plain = {key: value for key, value in extender.items() if key not in ("enableHTTPS", "tlsConfig")}
        cases: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
            STOCK: (SCORE_ALL, []),
            "shipped profile, answers at once, no TLS": (profile, [plain | {"urlPrefix": url}]),
            "shipped profile, answers at once": (profile, [extender | {"urlPrefix": tls_url}]),
            "shipped profile and filter, our extender": (profile, [extender | {"filterVerb": "filter"}]),
            OURS: (profile, [extender]),
        }
        print(f"{NODES:,} nodes, {WAITING:,} pods waiting")
        found: dict[str, list[Round]] = {case: [] for case in cases}
        used = cpu_seconds(site.extender.process.pid)
        for number in range(ROUNDS):
            for index in range(len(cases)):
                case, (settings, extenders) = list(cases.items())[(index + number) % len(cases)]
                name = f"bench-{number}-{index}"
                config = {"profiles": [settings | {"schedulerName": name}], "extenders": extenders}
                found[case].append(_rate(site, name, config))
                print(f"  round {number + 1}: {case:50}{found[case][-1].rate:>6.0f} pods/s", flush=True)
    rates = {case: np.array([each.rate for each in rounds]) for case, rounds in found.items()}
    ours = rates.pop(OURS)
    for case, others in rates.items():
        ratios = 100.0 * ours / others
        error = float(ratios.std(ddof=1)) / ROUNDS**0.5
        print(f"  ours of {case}: {ratios.mean():.0f} % (standard error {error:.0f})")
        record(f"pods a second, ours of {case}", ratios.mean(), "%")
    for case, rounds in found.items():
        spent = {name: float(np.median([each.cpu[name] for each in rounds])) for name in rounds[0].cpu}
        shown = ", ".join(f"{name} {milliseconds:.2f}" for name, milliseconds in spent.items())
        print(f"  CPU per pod [ms], {case}: {shown}")
        if case in (STOCK, OURS):
            record(f"CPU of kube-scheduler per pod, {case}", spent["kube-scheduler"], "ms")
    record("CPU of the extender per pod", float(np.median([each.cpu["extender"] for each in found[OURS]])), "ms")
    print("  wanted: at least 90 % of what answers at once, and 80 % of the stock profile")
    pid = site.extender.process.pid
    times = ", ".join(f"{verb} {_milliseconds(site, verb):.2f} ms" for verb in ("filter", "prioritize"))
    print(
        f"  the extender: {times} an answer, {cpu_seconds(pid) - used:.1f} s of CPU for {2 * ROUNDS * WAITING:,} pods, "
        f"{resident_bytes(pid) / 1e6:.0f} MB"
    )


def _milliseconds(site: Site, verb: str) -> float:
    """Return the mean time of the extender's answers."""
    took, answers = (
        site.metric(f'wao_extender_request_duration_seconds_{what}{{verb="{verb}"}}') for what in ("sum", "count")
    )
    return 1e3 * took / answers


def _rate(site: Site, name: str, config: dict[str, Any]) -> Round:
    """Return pods a second that one kube-scheduler binds, from its first to its last, and what each process used."""
    bodies = [pod(f"{name}-{number}", cpu="0.5", scheduler=name) for number in range(WAITING)]
    for body in bodies:
        body["metadata"]["labels"] = {"run": name}
    site.bed.admin.create_all(PODS, bodies)
    port = free_port()
    program = site.bed.start_scheduler(config, name=name, account=site.scheduler_account(), port=port)
    try:
        with _metrics(site.bed, port) as scheduled:
            wait_for(lambda: scheduled() > 0, "the first pod", seconds=120, pause=0.02)
            assert site.bed.apiserver is not None
            pids = {"kube-scheduler": program.pid, "extender": site.extender.process.pid}
            pids["API server"] = site.bed.apiserver.pid
            before = {process: cpu_seconds(pid) for process, pid in pids.items()}
            began, first = time.perf_counter(), scheduled()
            wait_for(lambda: scheduled() >= WAITING, "all pods scheduled", seconds=600, pause=0.1)
            seconds, bound = time.perf_counter() - began, WAITING - first
            cpu = {process: 1e3 * (cpu_seconds(pid) - before[process]) / bound for process, pid in pids.items()}
            return Round(bound / seconds, cpu)
    finally:
        program.stop()
        site.clear(name)


@contextmanager
def _metrics(bed: ControlPlane, port: int) -> Iterator[Callable[[], float]]:
    """Give what counts the pods that a kube-scheduler has bound."""
    pair = bed.pair_for("admin", ("system:masters",))
    with httpx2.Client(verify=False, cert=(str(pair.certificate), str(pair.key)), trust_env=False) as http:

        def scheduled() -> float:
            lines = http.get(f"https://127.0.0.1:{port}/metrics").text.splitlines()
            counts = [line for line in lines if line.startswith("scheduler_schedule_attempts_total{")]
            return sum(float(line.rpartition(" ")[2]) for line in counts if 'result="scheduled"' in line)

        yield scheduled


def _metric_to_score(site: Site, group: Group) -> None:
    """Change a sensor's value in a NodeConfig, and wait until a score is made of it."""
    name, times = group.names[0], []
    for number in range(3):
        value = 25.0 + number
        spec = {"metricsCollector": {"inletTemp": {"value": value}}}
        site.bed.admin.patch(f"{NODE_CONFIGS}/{name}", {"spec": spec})
        began = time.monotonic()
        wait_for(lambda value=value: _scored_at(site, name) == value, "the new value", seconds=120, pause=0.1)  # type: ignore[misc]
        times.append(time.monotonic() - began)
    print("a changed inlet temperature decides after " + ", ".join(f"{seconds:.1f} s" for seconds in times))


def _scored_at(site: Site, node: str) -> object:
    """Let the extender score one pod, always the same, and return the inlet temperature that it counted with."""
    answer = site.score("bench-metric", [node])
    return answer["nodes"][0]["inletTemp"]


class Names(msgspec.Struct, rename="pascal", gc=False):
    """What the extender that answers at once reads of a request."""

    node_names: msgspec.Raw


def _flag(site: Site, name: str) -> str:
    """Return the value of one of the extender's options."""
    arguments = cast(list[str], site.extender.process.args)
    return next(text.partition("=")[2] for text in arguments if text.startswith(f"{name}="))


def serve_at_once(port: int, *, certificate: str | None = None, key: str | None = None) -> None:
    """Serve an extender that reads the names and passes all, with equal scores."""
    import asyncio

    import uvicorn
    from starlette.types import Receive, Scope, Send

    decode, names_of = msgspec.json.Decoder(Names).decode, msgspec.json.Decoder(list[str]).decode

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        raw = bytes(decode(body).node_names)
        names = names_of(raw)
        if scope["path"].endswith("filter"):
            content = b'{"Nodes":null,"NodeNames":%b,"FailedNodes":{},"Error":""}' % raw
        else:
            content = msgspec.json.encode([{"Host": name, "Score": 5} for name in names])
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    config = uvicorn.Config(
        app,
        "127.0.0.1",
        port,
        log_level="error",
        lifespan="off",
        loop="uvloop",
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    asyncio.run(uvicorn.Server(config).serve())

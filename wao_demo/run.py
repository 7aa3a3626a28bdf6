"""The demo: metrics, placement and weights for a fleet of 48 servers with mock BMCs based on real ones."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np

from wao_core.certificates.self_signed import bootstrap_certificate
from wao_demo import show
from wao_demo.apps import App, apps, page
from wao_demo.bmcs import FORMS, LOGIN, hardware
from wao_demo.fleet import CORES, Server, servers, write
from wao_predict.connection import HttpOptions, TlsPolicy
from wao_predict.errors import RemoteError, UsageError
from wao_predict.fleet import Fleet, curves_of_models
from wao_predict.flow import Request
from wao_predict.simulate.placement import Outcome, simulate
from wao_predict.transport import AsyncHttpTransport

PODS, POD_CORES = 200, 2.0
COLLECTING = 45.0
"""Seconds within which all BMCs must be discovered and read, and an app must answer, also on a busy machine."""
POLICIES = ("spread", "reference", "lookahead", "optimum")
GROUP = "/apis/custom.metrics.k8s.io/v1beta2"
METRICS = ("inlet_temp", "delta_p", "power_watts", "predicted_watts")
EXPECTED = ("inlet_temp", "delta_p", "predicted_watts")
"""Metrics that every node has; some BMCs do not measure power."""


def fleet_of(chosen: list[Server], inlet_temp: dict[str, float], delta_p: dict[str, float]) -> Fleet:
    """Return the servers with their predicted power curves at the given conditions."""
    return Fleet(
        tuple(server.name for server in chosen),
        curves_of_models(
            [server.type for server in chosen],
            [inlet_temp[server.name] for server in chosen],
            [delta_p[server.name] for server in chosen],
        ),
        np.full(len(chosen), float(CORES)),
        np.array([server.usage_cores for server in chosen]),
    )


async def run_demo(*, serve: bool = False, plot: Path | None = None) -> None:
    """Run the whole demo; with `serve` keep everything running until interrupted.

    Raises
    ------
    CancelledError
        The demo was interrupted; everything it started has ended.
    """
    _end_on_signals()
    begin = time.monotonic()
    chosen = servers()
    planned = fleet_of(
        chosen,
        {server.name: server.inlet_temp for server in chosen},
        {server.name: server.delta_p for server in chosen},
    )
    watts = dict(zip(planned.names, planned.watts().tolist(), strict=True))
    async with AsyncExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wao-demo-")))
        show.heading(1, f"{len(chosen)} servers of four real types, a BMC for each, and the three apps")
        tls = _bmc_tls(work)
        bmcs, pressure = await stack.enter_async_context(hardware(chosen, lambda server: watts[server.name], tls))
        manifests = work / "manifests"
        write(manifests, chosen, bmc_of=lambda server: bmcs[server.name].url, pressure_url=pressure.url, login=LOGIN)
        show.say(f"BMCs on {len(bmcs)} ports of 127.0.0.1, over TLS with a login; manifests in {manifests}")
        running = await stack.enter_async_context(apps(manifests, work))
        for app in running.values():
            show.say(f"wao {app.command:<12} {app.url}")
        samples = await _show_metrics(running["metrics-api"], chosen)
        await _show_decision(running["scheduler"], chosen)
        await _show_weights(running["lb"])
        outcomes = _show_policies(chosen, samples)
        if plot is not None:
            _draw(outcomes, plot)
        show.say(f"\n   done in {time.monotonic() - begin:.1f} s")
        if serve:
            opened = await stack.enter_async_context(page(manifests, work, running))
            _show_commands(running, opened)
            await asyncio.Event().wait()


def _end_on_signals() -> None:
    """Stop gracefully on SIGTERM and SIGHUP as on Ctrl-C, so that the processes of the apps end too."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _bmc_tls(work: Path) -> ssl.SSLContext:
    certificate, key = bootstrap_certificate(work / "bmc", ["127.0.0.1", "localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def _json(app: App, path: str, body: dict[str, Any] | None = None) -> Any:
    """Return the answer of an app, None if there is none."""
    options = HttpOptions(timeout=15.0, attempts=1)
    transport = AsyncHttpTransport(app.url, tls=TlsPolicy(ca_file=app.certificate), options=options)
    content = None if body is None else json.dumps(body).encode()
    try:
        response = await transport.send(Request("GET" if body is None else "POST", path, body=content))
    except RemoteError:
        return None
    finally:
        await transport.close()
    return json.loads(response.body) if response.status == 200 else None


async def answer_of(
    app: App,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    wanted: Callable[[Any], bool] = lambda _: True,
    seconds: float = 0.0,
) -> Any:
    """Return the answer of an app: the wanted one, or the first one after `seconds`.

    Raises
    ------
    UsageError
        There was no answer in `COLLECTING` seconds.
    """
    begin = time.monotonic()
    while True:
        document = await _json(app, path, body)
        passed = time.monotonic() - begin
        if document is not None and (wanted(document) or passed >= seconds):
            return document
        if document is None and passed >= COLLECTING:
            raise UsageError(f"wao {app.command} does not answer {path.partition('?')[0]}: {app.log_end()}")
        await asyncio.sleep(0.2)


def _value(quantity: str) -> float:
    from wao_predict.quantity import parse_quantity

    return float(parse_quantity(quantity))


async def _show_metrics(app: App, chosen: list[Server]) -> dict[str, dict[str, float]]:
    show.heading(2, "Metrics collected from the BMCs, as custom.metrics.k8s.io serves them")
    samples: dict[str, dict[str, float]] = {server.name: {} for server in chosen}
    deadline = time.monotonic() + COLLECTING
    while time.monotonic() < deadline:
        for metric in METRICS:
            document = await _json(app, f"{GROUP}/nodes/*/{metric}") or {"items": []}
            for item in document["items"]:
                samples[item["describedObject"]["name"]][metric] = _value(item["value"])
        if all(values.keys() >= set(EXPECTED) for values in samples.values()):
            break
        await asyncio.sleep(0.2)
    show.metrics(samples, {server.name: FORMS[server.type].file.removesuffix(".jsonl") for server in chosen})
    return samples


async def _show_decision(app: App, chosen: list[Server]) -> None:
    show.heading(3, f"One pod of {POD_CORES:g} cores: where it costs the fewest watts, and why")
    containers = [{"name": "job", "resources": {"requests": {"cpu": f"{POD_CORES:g}"}}}]
    pod = {"metadata": {"name": "job-1", "namespace": "default", "uid": "demo-1"}, "spec": {"containers": containers}}
    names = [server.name for server in chosen]
    await answer_of(app, "/prioritize", {"Pod": pod, "Nodes": None, "NodeNames": names})
    path = f"/v1/decisions?pod=default%2Fjob-1&limit={len(names)}"
    document = await answer_of(app, path)
    show.decision(document)
    show.say(
        f"[green]{document['chosen']}[/] wins. The increase scored is the best average over further equal pods: the "
        "first job\n   on an idle server is expensive, later ones are nearly free."
    )


async def _show_weights(app: App) -> None:
    show.heading(4, "Weights of the Service default/shop: its load goes to the endpoints where it costs least")
    document = await answer_of(app, "/v1/weights/default/shop", wanted=_weighted, seconds=12.0)
    show.weights(document)
    note = f" ({document['reason']})" if document["reason"] else ""
    show.say(f"rule {document['rule']}{note}")


def _weighted(document: dict[str, Any]) -> bool:
    """Return whether the weights differ from the equal ones at the start."""
    weights = [item["weight"] for port in document["ports"] for item in port["endpoints"]]
    return document["rule"] == "lookahead" and bool(weights) and max(weights) > 2.5 * min(weights)


def _show_policies(chosen: list[Server], samples: dict[str, dict[str, float]]) -> list[Outcome]:
    show.heading(5, f"{PODS} pods of {POD_CORES:g} cores on this fleet, by four policies (predicted watts)")
    inlet = {server.name: samples[server.name].get("inlet_temp", server.inlet_temp) for server in chosen}
    pressure = {server.name: samples[server.name].get("delta_p", server.delta_p) for server in chosen}
    outcomes = simulate(fleet_of(chosen, inlet, pressure), POD_CORES, PODS, POLICIES)
    show.outcomes(outcomes, PODS)
    return outcomes


def _draw(outcomes: list[Outcome], file: Path) -> None:
    from wao_predict.plot import PlacementDisplay

    title = f"{PODS} pods of {POD_CORES:g} cores on 48 servers of four types"
    PlacementDisplay.from_outcomes(outcomes, title=title).figure_.savefig(file, dpi=150)
    show.say(f"plot saved to {file}")


def _show_commands(running: dict[str, App], opened: App) -> None:
    metrics, scheduler, lb = (running[name] for name in ("metrics-api", "scheduler", "lb"))
    show.heading(6, "Everything keeps running (Ctrl-C stops it)")
    show.say(f"the page: {opened.url}\n")
    show.say("commands to try:")
    for line in (
        f"kubectl --server {metrics.url} --insecure-skip-tls-verify --token demo "
        f"get --raw '{GROUP}/nodes/*/inlet_temp'",
        f"wao explain default/job-1 --url {scheduler.url} --ca-file {scheduler.certificate}",
        f"wao what-if --cpu 500m --count 5 --url {scheduler.url} --ca-file {scheduler.certificate}",
        f"curl --cacert {lb.certificate} {lb.url}/v1/weights/default/shop",
    ):
        show.console.print(f"   {line}", soft_wrap=True)

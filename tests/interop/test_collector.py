"""The traces of our servers in the real OpenTelemetry Collector, which prints what it received."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.fakes.extender import args
from tests.fakes.planted import IN_URL, PASSWORD, TOKEN, USER, assert_clean
from tests.interop import balancing
from tests.interop.conftest import ROOT, free_port, process, program_of

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
until = partial(balancing.until, seconds=100.0)
FLEET = ROOT / "examples" / "fleet"
CALLER = "b7ad6b7169203331"
CONFIG = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}
exporters:
  debug: {{verbosity: detailed, use_internal_logger: false}}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [debug]}}
"""
FIELD = re.compile(r"    (Trace ID|Parent ID|Name|Kind|Status code|Status message) +: ?(.*)")
ATTRIBUTE = re.compile(r"     -> ([\w.]+): \w+\((.*)\)")


@dataclass
class PrintedSpan:
    """A span as the collector prints it."""

    resource: dict[str, str]
    fields: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)


def printed_spans(text: str) -> list[PrintedSpan]:
    """Return the spans in the output of the exporter `debug`."""
    found: list[PrintedSpan] = []
    resource: dict[str, str] = {}
    attributes = resource
    for line in text.splitlines():
        if line.startswith("ResourceSpans #"):
            attributes = resource = {}
        elif line.startswith("Span #"):
            found.append(PrintedSpan(resource))
            attributes = found[-1].attributes
        elif match := FIELD.fullmatch(line):
            found[-1].fields[match[1]] = match[2]
        elif match := ATTRIBUTE.fullmatch(line):
            attributes[match[1]] = match[2]
    return found


@dataclass
class Collector:
    """The collector on a port of its own; start and stop it as often as wanted."""

    program: Path
    folder: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self._running = ExitStack()
        self._logs: list[Path] = []
        (self.folder / "config.yaml").write_text(CONFIG.format(port=self.port))

    @property
    def url(self) -> str:
        """Where it receives."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Run it until it receives: only POST is allowed there."""
        folder = self.folder / f"run-{len(self._logs)}"
        folder.mkdir()
        self._logs.append(folder / "log")
        arguments = [str(self.program), "--config", str(self.folder / "config.yaml")]
        self._running.enter_context(process(arguments, folder, f"{self.url}/v1/traces", {}, status=405))

    def stop(self) -> None:
        """End it."""
        self._running.close()

    def output(self) -> str:
        """Return what it has printed, in all its runs."""
        return "".join(log.read_text() for log in self._logs)

    def spans(self, name: str, trace: str | None = None) -> list[PrintedSpan]:
        """Return the spans with a name, of one trace or of all."""
        complete = self.output().rpartition("\n")[0]
        found = [span for span in printed_spans(complete) if span.fields.get("Name") == name]
        return [span for span in found if trace in (None, span.fields["Trace ID"])]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    folder = tmp_path / "collector"
    folder.mkdir()
    running = Collector(program_of("collector", "test-interop"), folder)
    running.start()
    yield running
    running.stop()


@contextmanager
def serving(command: str, fleet: Path, collector: Collector, folder: Path) -> Iterator[httpx2.Client]:
    """Run a server that sends its traces; yield a client that sends a credential with each request."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = [sys.executable, "-m", "wao_predict.cli", command, "--manifests", str(fleet)]
    arguments += ["--port", str(port), "--insecure-http"]
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{TOKEN}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    headers, query = {"authorization": f"Bearer {TOKEN}"}, {"token": TOKEN}
    with (
        process(arguments, folder, f"{url}/livez", environment),
        httpx2.Client(base_url=url, timeout=5.0, headers=headers, params=query) as client,
    ):
        yield client


def traceparent(trace: str) -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{CALLER}-01"}


def test_a_decision_continues_the_trace_of_kube_scheduler(collector: Collector, tmp_path: Path) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    body = args("edge-lenovo-01", "edge-lenovo-02")
    with serving("scheduler", FLEET, collector, tmp_path) as client:
        until(lambda: client.get("/readyz").status_code == 200, "the scheduler is ready")
        for verb in ("filter", "prioritize"):
            assert client.post(f"/{verb}", json=body, headers=traceparent(trace)).status_code == 200
        until(lambda: len(collector.spans("POST /prioritize", trace)) == 1, "the collector has the decision")
    (decision,), (filtered,) = (collector.spans(f"POST /{verb}", trace) for verb in ("prioritize", "filter"))
    assert decision.resource["service.name"] == "wao-scheduler"
    assert decision.resource["service.version"] == version("wao-predict")
    assert {decision.fields["Parent ID"], filtered.fields["Parent ID"]} == {CALLER}
    assert (decision.fields["Kind"], decision.fields["Status code"]) == ("Server", "Unset")
    assert decision.attributes.pop("wao.node") in ("edge-lenovo-01", "edge-lenovo-02")
    assert decision.attributes == {
        "http.request.method": "POST",
        "http.route": "/prioritize",
        "http.response.status_code": "200",
        "k8s.namespace.name": "default",
        "k8s.pod.name": "p",
        "wao.profile": "default",
        "wao.candidates": "2",
        "wao.outcome": "scored",
    }
    assert_clean([collector.output()])


def unreadable_node() -> list[dict[str, Any]]:
    """Return a node with credentials in the URL of one sensor, and in the Secret of another that does not answer."""
    place = {"name": "login", "namespace": "wao-system"}
    url = f"127.0.0.1:{free_port()}"
    common = {"type": "Prometheus", "query": "up", "fetchInterval": "1s"}
    in_url = {**common, "endpoint": f"http://{USER}:{IN_URL}@{url}"}
    in_secret = {**common, "endpoint": f"http://{url}", "basicAuthSecret": {"name": "login"}}
    sensors = {"inletTemp": in_url, "deltaP": in_secret}
    spec = {"nodeName": "n1", "metricsCollector": sensors, "predictor": {}}
    login = {"username": USER, "password": PASSWORD}
    return [
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": place, "stringData": login},
        {"apiVersion": "node.waok8s.github.io/v1beta1", "kind": "NodeConfig", "metadata": place, "spec": spec},
    ]


def test_failed_readings_are_sent_without_the_credentials_of_the_sensors(collector: Collector, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    fleet.mkdir()
    (fleet / "fleet.yaml").write_text(yaml.safe_dump_all(unreadable_node()))

    def readings() -> dict[str, PrintedSpan]:
        return {span.attributes["wao.metric"]: span for span in collector.spans("read sensor")}

    with serving("metrics-api", fleet, collector, tmp_path):
        until(lambda: len(readings()) == 2, "the collector has a reading of each sensor")
    found = readings()
    assert {metric: span.attributes["error.type"] for metric, span in found.items()} == {
        "inlet_temp": "reading",
        "delta_p": "connection",
    }
    for span in found.values():
        assert span.resource["service.name"] == "wao-metrics-api"
        assert (span.attributes["wao.sensor.type"], span.attributes["wao.node"]) == ("Prometheus", "n1")
        assert (span.fields["Status code"], span.fields["Status message"]) == ("Error", "")
    assert_clean([collector.output()])


def test_a_server_answers_without_the_collector_and_sends_again_once_it_is_back(
    collector: Collector, tmp_path: Path
) -> None:
    traces = (f"{number:032x}" for number in itertools.count(1))

    def ask() -> str:
        trace = next(traces)
        assert client.get("/v1/nodes", headers=traceparent(trace)).status_code == 200
        return trace

    def arrives(trace: str) -> bool:
        return bool(collector.spans("GET /v1/nodes", trace))

    log = tmp_path / "log"
    with serving("scheduler", FLEET, collector, tmp_path) as client:
        first = ask()
        until(lambda: arrives(first), "the collector has the first span")
        collector.stop()
        until(lambda: bool(ask()) and "exporting span" in log.read_text(), "the server notices the outage")
        collector.start()
        last = ask()
        until(lambda: arrives(last), "the collector has a span again")
    assert_clean([collector.output(), log.read_text()])

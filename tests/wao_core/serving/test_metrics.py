"""The quick exposition writes what the client library would write."""

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from wao_core.serving.metrics import SeriesFamily, exposition, new_registry


def test_same_text_as_the_client_library() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("temp", "Inlet.", ["node"], registry=registry)
    values = {"n1": 25.5, 'quo"te': 1e-7, "back\\slash\n": 1e22}
    for node, value in values.items():
        gauge.labels(node).set(value)
    family = SeriesFamily("temp", "Inlet.", lambda: [((("node", node),), value) for node, value in values.items()])
    theirs = list(text_string_to_metric_families(generate_latest(registry).decode()))
    ours = list(text_string_to_metric_families(family.text()))
    assert [(f.name, f.type, f.samples) for f in theirs] == [(f.name, f.type, f.samples) for f in ours]
    assert family.text() == family.text()


def test_series_that_are_gone_are_forgotten() -> None:
    nodes = ["n1", "n2"]
    family = SeriesFamily("up", "Up.", lambda: [((("node", node),), 1.0) for node in nodes])
    assert 'node="n2"' in family.text()
    nodes.remove("n2")
    assert 'node="n2"' not in family.text()


def test_every_server_reports_what_is_running() -> None:
    text = exposition(new_registry("test"), [SeriesFamily("x_total", "X.", lambda: [((), 1.0)], type_="counter")])
    assert b'wao_build_info{component="test"' in text
    assert text.endswith(b"# HELP x_total X.\n# TYPE x_total counter\nx_total 1.0\n")

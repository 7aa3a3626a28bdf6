"""Go templates: equal to Go on the golden cases, and sandboxed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.rendering import render_apart
from wao_core.cluster.records import Node
from wao_core.crds.template_process import MEMORY_MIB
from wao_core.crds.templates import MAX_OUTPUT, node_data, render, render_all
from wao_core.errors import TemplateError, TemplateNotRendered

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[2] / "data/templates/golden.json").read_text())

REFUSED = {
    "{{ range until 3 }}{{ . }}{{ end }}": "until: its cost is set by the text",
    "{{ range $i := until 2 }}{{ break }}{{ end }}ok": "until: its cost is set by the text",
    '{{ seq 1 3 }} {{ semver "1.2.3" }} {{ semverCompare ">=1.0" "1.2.3" }}': "seq: its cost is set by the text",
    '{{ env "HOME" }}': "env: shows the controller's environment",
}
"""Cases that Go renders and that are refused here on purpose."""
DIFFERENT = {
    '{{ list 1 "a" true nil }}': "nil as an argument is not understood by the template engine",
    "{{ .IPv4 }}": "data are maps here, structs there: they print otherwise",
    "{{ . }}": "data are maps here, structs there: they print otherwise",
}
"""Cases that come out otherwise, and why."""


def case_id(case: dict[str, Any]) -> str:
    return str(case["template"])[:60]


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=case_id)
def test_golden_cases_come_out_as_in_go(case: dict[str, Any]) -> None:
    data = case.get("data") or GOLDEN["data"]
    template = case["template"]
    repeats = "repeat " in template
    if template in REFUSED or repeats or case["status"] != "OK":
        with pytest.raises(TemplateError):
            render(template, data)
    elif template not in DIFFERENT:
        assert case["out"] == render(template, data)


def test_an_empty_field_stays_empty() -> None:
    """The reference renders it as the field parsed before it."""
    rendered = render_all({"type": "Fake", "endpoint": "", "deep": [{"x": "{{ .Hostname }}"}]}, {"Hostname": "n7"})
    assert rendered == {"type": "Fake", "endpoint": "", "deep": [{"x": "n7"}]}


@pytest.mark.parametrize(
    "template",
    [
        '{{ env "HOME" }}',
        '{{ expandenv "$HOME" }}',
        '{{ getHostByName "localhost" }}',
        '{{ genPrivateKey "rsa" }}',
        '{{ repeat 100000000 "a" }}',
        "{{ until 100000000 }}",
        '{{ printf "%1000000000d" 1 }}',
        '{{ printf "%.999999999f" 1.0 }}',
        "{{ now }}",
        "{{ .Hostname.__class__ }}",
        "{{ .__class__ }}",
        '{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}',
        "{{ .Unknown }}",
        "{{ if }}",
        "{{" * 500,
        "x" * 1000 + "{{ .Hostname }}",
    ],
)
def test_what_could_harm_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        render(template, {"Hostname": "n" * 40})


def grown(first: str, again: str) -> str:
    """Return a template that does the same thing thirty times."""
    thirty = " ".join(map(str, range(30)))
    return f"{{{{ $x := {first} }}}}{{{{ range list {thirty} }}}}{{{{ $x = {again} }}}}{{{{ end }}}}{{{{ $x }}}}"


GREEDY = [
    '{{ printf "%[2]*[1]d" 1 999999999 }}',
    '{{ len (printf "%[2]*[1]d" 1 999999999) }}',
    '{{ printf "%.[2]*[1]f" 1.5 99999999 }}',
    '{{ printf "%0*d" 99999999 1 }}',
    '{{ printf (print "%[2]" "*[1]d") 1 99999999 }}',
    '{{ printf (printf "%%%d%c" 99999999 100) 1 }}',
    '{{ printf "%[2]*[1]x" "aaaaaaaa" 99999999 }}',
    '{{ printf "%[2]*[1]d" 1 99999999 | html | js | urlquery }}',
    '{{ toJson (dict "a" (printf "%[2]*[1]d" 1 99999999)) }}',
    '{{ regexReplaceAll "" .Hostname (printf "%[2]*[1]d" 1 9999999) }}',
    '{{ splitList "" (printf "%[2]*[1]d" 1 9999999) | len }}',
    "{{ indent 1000000000 .Hostname }}",
    '{{ define "a" }}{{ template "a" (list . .) }}{{ end }}{{ template "a" 1 }}',
    grown('"0123456789abcdef"', "cat $x $x"),
    grown('"0123456789abcdef"', "print $x $x"),
    grown('"0123456789abcdef"', 'printf "%s%s" $x $x'),
    grown('"<<<<<<<<"', "html $x $x"),
    grown(r'"\\"', "js $x"),
    grown("list 1", "concat $x $x"),
    grown('"aa"', 'replace "a" $x $x'),
    grown('"a"', "b64enc $x"),
]


REMEDY = re.compile(r"; (build|use) |budget exceeded|longer than|overflow|Error")


def test_a_template_that_needs_too_much_is_refused_with_a_remedy_in_bounded_memory() -> None:
    """Measured by the kernel, in a process of its own: 1.9 GiB before the limits."""
    rendered = render_apart(GREEDY)
    answers = zip(GREEDY, rendered.errors, strict=True)
    assert {} == {template: error for template, error in answers if not REMEDY.search(error)}
    assert rendered.own < 64
    assert rendered.renderer < 64 + MEMORY_MIB + 32  # what the process has without any template, and what one may add


SLOW = '{{ range list 1 2 3 4 5 6 7 8 9 }}{{ regexMatch "(a?){100}b" $.Long }}{{ end }}'


def test_a_template_that_takes_long_is_given_up_and_not_tried_for_every_node() -> None:
    with pytest.raises(TemplateError, match=r"more than 0\.5 s of CPU time"):
        render(SLOW, {"Long": "a" * 1000})
    for _ in range(20):
        with pytest.raises(TemplateNotRendered, match="not tried again"):
            render(SLOW, {"Long": "a" * 1000})


def test_after_a_template_that_needs_too_much_the_others_are_rendered() -> None:
    with pytest.raises(TemplateError):
        render('{{ printf "%[3]*[1]d" 1 2 999999999 }}', {})
    assert render("{{ upper .Hostname }}", {"Hostname": "n"}) == "N"


def test_the_field_that_needs_too_much_is_named() -> None:
    fields = {"a": "{{ .Hostname }}", "b": [{"c": '{{ printf "%[4]*[1]d" 1 2 3 999999999 }}'}], "d": "{{ .Hostname }}"}
    with pytest.raises(TemplateError, match=r"^b\[0\]\.c: it needs more than 64 MiB of memory; build shorter strings"):
        render_all(fields, {"Hostname": "n"})


def test_the_output_is_bounded() -> None:
    with pytest.raises(TemplateError):
        render("{{ .Hostname }}", {"Hostname": "a" * (MAX_OUTPUT + 1)})


def test_the_node_is_seen_as_in_the_reference_and_more() -> None:
    node = Node(
        name="worker-7",
        labels={"kubernetes.io/hostname": "worker-7.rack3", "site": "a"},
        annotations={"bmc": "https://10.1.0.7"},
        addresses=(("Hostname", "x"), ("InternalIP", "10.0.3.42"), ("InternalIP", "fd00::7")),
        provider_id="metal://7",
    )
    data = node_data(node)
    assert render("{{ .Hostname }} {{ .IPv4.Address }} {{ .IPv4.Octet4 }}", data) == "worker-7.rack3 10.0.3.42 42"
    assert render('{{ index .Annotations "bmc" }} {{ .IPv6 }} {{ .Labels.site }}', data) == "https://10.1.0.7 fd00::7 a"


def test_a_node_without_address_has_the_references_marks() -> None:
    data = node_data(Node(name="n"))
    assert render("{{ .Hostname }} {{ .IPv4.Address }} {{ .IPv4.Octet1 }}", data) == "undefined.example.com x.x.x.x x"


def test_an_error_names_the_field() -> None:
    with pytest.raises(TemplateError, match=r"metricsCollector\.inletTemp\.endpoint"):
        render_all({"metricsCollector": {"inletTemp": {"endpoint": "{{ .Nope }}"}}}, {})


@pytest.mark.parametrize("address", ["evil.example/", "10.1.0.5@evil.example", "10.0.0.1/..", "fe80::1%/@evil.example"])
def test_text_that_is_no_address_is_not_a_part_of_a_url(address: str) -> None:
    data = node_data(Node(name="n", addresses=(("InternalIP", address),)))
    assert render("https://{{ .IPv4.Address }}/{{ .IPv6 }}{{ .IPv4.Octet4 }}", data) == "https://x.x.x.x/x"

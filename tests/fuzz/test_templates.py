"""Any template gives a short text or a `TemplateError`, in bounded memory."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.rendering import DATA, render_apart
from wao_core.crds.template_process import ALLOWED, MEMORY_MIB
from wao_core.crds.templates import MAX_OUTPUT, render
from wao_core.errors import TemplateError

NUMBERS = st.sampled_from(["0", "1", "-1", "7", "1.5", "100", "99999", "99999999", "999999999", "9223372036854775807"])
TEXTS = st.sampled_from(
    ['""', '"a"', '"%d"', '"%[2]*[1]d"', '"%.*f"', '"%v"', '"(a*)*b"', '"<&>"', "`\\`", '"aaaaaaaaaaaa"']
)
DATA_FIELDS = st.sampled_from([".", "$", "$x", ".Hostname", ".Labels", ".IPv4.Octet4"])
VALUES = st.recursive(
    NUMBERS | TEXTS | DATA_FIELDS,
    lambda inner: st.builds(
        lambda name, arguments: f"({' '.join([name, *arguments])})",
        st.sampled_from(ALLOWED),
        st.lists(inner, min_size=0, max_size=4),
    ),
    max_leaves=8,
)
STATEMENTS = st.one_of(
    VALUES.map(lambda value: f"{{{{ {value} }}}}"),
    VALUES.map(lambda value: f"{{{{ $x = {value} }}}}"),
    VALUES.map(lambda value: f"{{{{ range list 1 2 3 4 5 6 7 8 9 }}}}{{{{ $x = {value} }}}}{{{{ end }}}}"),
    VALUES.map(lambda value: f"{{{{ range {value} }}}}{{{{ $x = print $x $x . }}}}{{{{ end }}}}"),
    VALUES.map(
        lambda value: f'{{{{ define "t" }}}}{{{{ template "t" {value} }}}}{{{{ end }}}}{{{{ template "t" $x }}}}'
    ),
)
TEMPLATES = st.lists(STATEMENTS, min_size=1, max_size=4).map(lambda parts: '{{ $x := "ab" }}' + "".join(parts))


@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(st.lists(TEMPLATES, min_size=20, max_size=20))
def test_templates_of_any_functions_stay_within_their_memory(templates: list[str]) -> None:
    rendered = render_apart(templates)
    assert rendered.own < 64
    assert rendered.renderer < 64 + MEMORY_MIB + 32


@settings(max_examples=200)
@given(st.text(max_size=80).map(lambda text: "{{" + text) | st.text(alphabet='{}. $"`|()\\%*ax1', max_size=60))
def test_any_text_is_rendered_or_refused(text: str) -> None:
    with contextlib.suppress(TemplateError):
        assert len(render(text, DATA)) <= max(MAX_OUTPUT, len(text))


@pytest.mark.parametrize("name", ALLOWED)
@settings(max_examples=10)
@given(arguments=st.lists(NUMBERS | TEXTS | DATA_FIELDS | st.just("(list 1 .Hostname)"), max_size=4))
def test_each_function_is_rendered_or_refused(name: str, arguments: list[str]) -> None:
    with contextlib.suppress(TemplateError):
        assert len(render(f"{{{{ {name} {' '.join(arguments)} }}}}", DATA)) <= MAX_OUTPUT

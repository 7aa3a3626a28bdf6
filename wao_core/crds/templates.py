"""Go templates with sprig functions, as NodeConfigTemplates use them: sandboxed, bounded, one template per field.

Data: the fields of the reference (`Hostname`, `IPv4.Address`, `IPv4.Octet1` to `4`), and `Name`, `Labels`,
`Annotations`, `IPv6`, `ProviderID`, `InternalIPs`. Functions of sprig that read the environment or the network, create
keys or dates, or have a cost set by the template (`env`, `getHostByName`, `genPrivateKey`, `repeat`, `until`, `seq`,
`now`, ...) are not available, see `wao_core.crds.template_functions`. No attribute of a Python object is accessible.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from wao_core.cluster.records import Node
from wao_core.crds.template_functions import ALLOWED, MOST_SECONDS, TooSlow, bounded_time, functions
from wao_core.errors import TemplateError

MAX_TEMPLATE = 1024
MAX_OUTPUT = 1024
SLOW_FOR = 60.0
"""Seconds for which a template that took too long is not rendered: it would take as long for every node."""
UNKNOWN_HOST = "undefined.example.com"
"""Hostname of a node without the label kubernetes.io/hostname, as in the reference."""

_FIELDS = (
    "Hostname Name IPv4 IPv6 Address Octet1 Octet2 Octet3 Octet4 Labels Annotations ProviderID InternalIPs".split()
)


def node_data(node: Node) -> dict[str, Any]:
    """Return the data of a node for templates; a missing value has a placeholder text, as in the reference."""
    internal = [address for kind, address in node.addresses if kind == "InternalIP"]
    v4 = next((address for address in internal if "." in address), None)
    octets = v4.split(".") if v4 is not None and len(v4.split(".")) == 4 else ["x"] * 4
    return {
        "Hostname": node.labels.get("kubernetes.io/hostname", UNKNOWN_HOST),
        "Name": node.name,
        "IPv4": {
            "Address": v4 or "x.x.x.x",
            **{f"Octet{number}": octet for number, octet in enumerate(octets, start=1)},
        },
        "IPv6": next((address for address in internal if ":" in address), ""),
        "InternalIPs": internal,
        "Labels": dict(node.labels),
        "Annotations": dict(node.annotations),
        "ProviderID": node.provider_id,
    }


def render(template: str, data: Mapping[str, Any]) -> str:
    """Return the rendered template; text without actions is returned unchanged.

    Raises
    ------
    TemplateError
        The template is not valid, uses a forbidden function or a missing field, or its output is too long.

    Examples
    --------
    >>> render('bmc-{{ trimPrefix "worker-" .Hostname }}', {"Hostname": "worker-7"})
    'bmc-7'
    """
    if "{{" not in template:
        return template
    if len(template) > MAX_TEMPLATE:
        raise TemplateError(f"the template is longer than {MAX_TEMPLATE} characters")
    if time.monotonic() < _slow_until.get(template, 0.0):
        raise TemplateError(f"it took more than {MOST_SECONDS:g} s and is not tried again for {SLOW_FOR:g} s")
    import gotpl

    try:
        with bounded_time():
            output: str = _compiled(template).render(dict(data))
    except gotpl.TemplateError as error:
        if isinstance(error.__cause__, TooSlow):
            _note_slow(template)
        raise TemplateError(" ".join(str(error).split())[:300]) from None
    except (ValueError, TypeError, KeyError, IndexError, ArithmeticError, RecursionError, AttributeError) as error:
        raise TemplateError(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}") from None
    if len(output) > MAX_OUTPUT:
        raise TemplateError(f"the result is longer than {MAX_OUTPUT} characters")
    return output


def render_all(value: object, data: Mapping[str, Any], path: str = "") -> Any:
    """Return a copy of a JSON value with every string rendered.

    Raises
    ------
    TemplateError
        A string cannot be rendered; the message begins with the path of its field.
    """
    if isinstance(value, str):
        try:
            return render(value, data)
        except TemplateError as error:
            raise TemplateError(f"{path}: {error}") from None
    if isinstance(value, Mapping):
        return {key: render_all(item, data, f"{path}.{key}" if path else str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [render_all(item, data, f"{path}[{index}]") for index, item in enumerate(value)]
    return value


_slow_until: dict[str, float] = {}


def _note_slow(template: str) -> None:
    if len(_slow_until) >= 256:
        _slow_until.clear()
    _slow_until[template] = time.monotonic() + SLOW_FOR


@lru_cache(maxsize=512)
def _compiled(template: str) -> Any:
    """Return the compiled template, cached: compiling costs ten times as much as rendering."""
    import gotpl

    return gotpl.Template(
        template,
        functions=functions(),
        missing_key="error",
        sandbox=gotpl.SandboxPolicy.strict(allow_attributes=_FIELDS, allow_functions=ALLOWED),
        budget=gotpl.ExecutionBudget(
            max_output_chars=MAX_OUTPUT, max_iterations=1000, max_template_depth=20, max_function_calls=1000
        ),
    )

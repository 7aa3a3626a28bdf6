"""Go templates with sprig functions, as NodeConfigTemplates use them: sandboxed, bounded, one template per field.

Data: the fields of the reference (`Hostname`, `IPv4.Address`, `IPv4.Octet1` to `4`), and `Name`, `Labels`,
`Annotations`, `IPv6`, `ProviderID`, `InternalIPs`. Functions of sprig that read the environment or the network, create
keys or dates, or have a cost set by the template (`env`, `getHostByName`, `genPrivateKey`, `repeat`, `until`, `seq`,
`now`, ...) are not available, see `wao_core.crds.template_process`. No attribute of a Python object is accessible.
Memory and CPU time are bounded by the process that renders.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator, Mapping
from typing import Any

from wao_core.cluster.records import Node
from wao_core.crds.template_process import MAX_OUTPUT
from wao_core.crds.template_worker import TemplateOverrun, TemplateWorker
from wao_core.errors import TemplateError, TemplateNotRendered

__all__ = ["MAX_OUTPUT", "MAX_TEMPLATE", "node_data", "render", "render_all"]

MAX_TEMPLATE = 1024
REFUSED_SECONDS = 60.0
"""Seconds for which a template is not rendered after it needed too much: it would for every node."""
MAX_REFUSED = 4096
UNKNOWN_HOST = "undefined.example.com"
"""Hostname of a node without the label kubernetes.io/hostname, as in the reference."""


def node_data(node: Node) -> dict[str, Any]:
    """Return the data of a node for templates; a missing value has a placeholder text, as in the reference."""
    # a kubelet reports these: text that is no address would become a part of a URL
    internal = [address for kind, address in node.addresses if kind == "InternalIP" and _is_address(address)]
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


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # the zone of an IPv6 address can be any text


def render(template: str, data: Mapping[str, Any]) -> str:
    """Return the rendered template; text without actions is returned unchanged.

    Raises
    ------
    TemplateError
        The template is not valid, uses a forbidden function or a missing field, needs too much memory or CPU time, or
        its output is too long.

    Examples
    --------
    >>> render('bmc-{{ trimPrefix "worker-" .Hostname }}', {"Hostname": "worker-7"})
    'bmc-7'
    """
    return _outputs({template: ""}, data).get(template, template)


def render_all(value: object, data: Mapping[str, Any]) -> Any:
    """Return a copy of a JSON value with every string rendered.

    Raises
    ------
    TemplateError
        A string cannot be rendered; the message begins with the path of its field.
    """
    fields: dict[str, str] = {}
    for path, text in _strings(value):
        fields.setdefault(text, path)
    return _replaced(value, _outputs(fields, data))


def _outputs(fields: Mapping[str, str], data: Mapping[str, Any]) -> dict[str, str]:
    """Return the outputs by template; `fields` are the paths of the fields by text, for the error."""
    templates = [text for text in fields if "{{" in text]
    for template in templates:
        if (error := _refusal(template)) is not None:
            raise _at(fields[template], error)
    outputs = {}
    for template, result in zip(templates, _worker.render(templates, data) if templates else (), strict=False):
        if isinstance(result, TemplateError):
            if isinstance(result, TemplateOverrun | TemplateNotRendered):
                _refuse(template)
            raise _at(fields[template], result)
        outputs[template] = result
    return outputs


def _at(path: str, error: TemplateError) -> TemplateError:
    return type(error)(f"{path}: {error}") if path else error


def _strings(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and text of every string in a JSON value."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, f"{path}[{index}]")


def _replaced(value: object, outputs: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return outputs.get(value, value)
    if isinstance(value, Mapping):
        return {key: _replaced(item, outputs) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, outputs) for item in value]
    return value


_worker = TemplateWorker()
_refused_until: dict[str, float] = {}


def _refusal(template: str) -> TemplateError | None:
    if len(template) > MAX_TEMPLATE:
        return TemplateError(f"the template is longer than {MAX_TEMPLATE} characters")
    if time.monotonic() < _refused_until.get(template, 0.0):
        return TemplateNotRendered(
            f"it needed too much memory or CPU time and is not tried again for {REFUSED_SECONDS:g} s"
        )
    return None


def _refuse(template: str) -> None:
    _refused_until.pop(template, None)
    if len(_refused_until) >= MAX_REFUSED:
        del _refused_until[next(iter(_refused_until))]  # the oldest
    _refused_until[template] = time.monotonic() + REFUSED_SECONDS

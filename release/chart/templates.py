"""The templates of the chart, made from the manifests: the same text, with values in it."""

from __future__ import annotations

import re
from typing import Any

import yaml

from release.chart.manifests import Manifest, additions, delegate_url, manifests_of
from release.chart.parts import PARTS, Part, conditions_of
from release.chart.yaml_text import Path, YamlText

NAMESPACES = {
    "wao-system": '{{ include "wao.system" . }}',
    "wao-bmc": "{{ .Values.namespaces.credentials }}",
    "wao-pki": "{{ .Values.namespaces.authority }}",
    "wao-node": "{{ .Values.namespaces.node }}",
    "wao-power": "{{ .Values.namespaces.power }}",
}
SYSTEM = "wao-system"
OPERATOR = "monitoring.coreos.com/"
NAME_LABEL = "kubernetes.io/metadata.name"
COMPONENTS = {
    "components/cert-manager": "certManager.enabled",
    "components/cilium": "cilium.enabled",
    "components/delegate": "delegate.enabled",
}
"""Components that add items to workloads, and the values that correspond to them."""
BRACES = re.compile(r"\{\{")


def templates() -> dict[str, str]:
    """Return the text of each template by its file name."""
    made = {}
    for folder, part in PARTS.items():
        for manifest in manifests_of(folder):
            made[f"{folder.removeprefix('components/')}/{manifest.path.name}"] = _template(manifest, folder, part)
    return made


def _template(manifest: Manifest, folder: str, part: Part) -> str:
    lines = f"{{{{- /* Generated from manifests/{folder}/{manifest.path.name} by `make chart`. */ -}}}}\n"
    for text, document in zip(manifest.texts, manifest.documents, strict=True):
        conditions = [f".Values.{name}" for name in conditions_of(document["metadata"]["name"], part)]
        conditions += _conditions_of_kind(document, part)
        body = "---\n" + _edited(YamlText(text), document, manifest.labels, part)
        lines += _when(conditions, body)
    return lines


def _when(conditions: list[str], body: str) -> str:
    if not conditions:
        return body
    condition = conditions[0] if len(conditions) == 1 else f"and {' '.join(conditions)}"
    return f"{{{{- if {condition} }}}}\n{body}{{{{- end }}}}\n"


def _conditions_of_kind(document: dict[str, Any], part: Part) -> list[str]:
    kind, name = document["kind"], document["metadata"]["name"]
    if kind == "Namespace":
        return [".Values.namespaces.create", *(['(include "wao.createsSystem" .)'] if name == SYSTEM else [])]
    if kind == "APIService" and name.endswith(".custom.metrics.k8s.io"):
        return [".Values.metricsApi.registerCustomMetrics"]
    if kind == "NetworkPolicy":
        return [".Values.networkPolicies.enabled"]
    if kind == "PodDisruptionBudget":
        return [f"(gt (int .Values.{part.workloads[name]}.replicas) 1)"]
    return []


def _edited(text: YamlText, document: dict[str, Any], labels: dict[str, str], part: Part) -> str:
    name = document["metadata"]["name"]
    text.substitute(BRACES, '{{ "{{" }}')
    match document["kind"]:
        case "Deployment" | "DaemonSet":
            _edit_workload(text, document, part.workloads[name])
        case "PodDisruptionBudget":
            text.replace(("spec", "minAvailable"), f"{{{{ sub (int .Values.{part.workloads[name]}.replicas) 1 }}}}")
        case "NetworkPolicy":
            _edit_peers(text, document)
        case "ConfigMap":
            _edit_config(text, part.workloads[name])
    _add_labels(text, document, labels)
    for namespace, value in NAMESPACES.items():
        text.substitute(re.compile(rf"(?<![\w-]){namespace}(?![\w-])"), value)
    return text.edited()


def _add_labels(text: YamlText, document: dict[str, Any], labels: dict[str, str]) -> None:
    """Add the labels of the kustomization, and those of the values."""
    metadata = document["metadata"]
    missing = {name: value for name, value in labels.items() if name not in metadata.get("labels", {})}
    more = "".join(f"  {name}: {value}\n" for name, value in missing.items())
    sources = ["commonLabels", *(["monitoring.labels"] if document["apiVersion"].startswith(OPERATOR) else [])]
    values = [f"{{{{- with .Values.{source} }}}}\n{_nested(4)}\n{{{{- end }}}}\n" for source in sources]
    if "labels" in metadata:
        text.insert_after(("metadata", "labels"), more + "".join(values))
    elif more:
        text.insert_after(("metadata", "name"), f"labels:\n{more}" + "".join(values))
    else:
        text.insert_after(
            ("metadata", "name"), f"{{{{- with .Values.commonLabels }}}}\nlabels:\n{_nested(4)}\n{{{{- end }}}}\n"
        )


def _edit_workload(text: YamlText, document: dict[str, Any], key: str) -> None:
    values, pod = f".Values.{key}", ("spec", "template", "spec")
    container: Path = (*pod, "containers", 0)
    if document["kind"] == "Deployment":
        text.replace(("spec", "replicas"), f"{{{{ {values}.replicas }}}}")
        text.replace_entry(
            (*pod, "topologySpreadConstraints"),
            f'{{{{- include "wao.spread" (list . "{document["metadata"]["name"]}") | nindent 6 }}}}',
        )
    text.replace((*pod, "priorityClassName"), f"{{{{ {values}.priorityClassName }}}}")
    text.insert_after(
        (*pod, "priorityClassName"),
        _optional(".Values.imagePullSecrets", "imagePullSecrets", 8)
        + "".join(_optional(f"{values}.{name}", name, 8) for name in ("nodeSelector", "tolerations", "affinity")),
    )
    for name in ("nodeSelector", "tolerations"):
        if text.has((*pod, name)):
            text.replace_entry((*pod, name), "")
    _annotate_pods(text, values)
    _edit_image(text, container, key)
    _add_components(text, document)
    kind = "args" if text.has((*container, "args")) else "command"
    text.insert_after((*container, kind, -1), f"{{{{- with {values}.extraArgs }}}}\n{_nested(8)}\n{{{{- end }}}}")
    text.replace_entry((*container, "resources"), f"resources:\n{{{{- toYaml {values}.resources | nindent 10 }}}}")


def _edit_image(text: YamlText, container: Path, key: str) -> None:
    image = ".Values.image"
    if key == "kubeScheduler":
        image = ".Values.kubeScheduler.image"
        text.replace((*container, "image"), '{{ include "wao.kubeSchedulerImage" . }}')
    else:
        text.replace((*container, "image"), f'{{{{ include "wao.image" {image} }}}}')
    text.insert_after(
        (*container, "image"), f"{{{{- with {image}.pullPolicy }}}}\nimagePullPolicy: {{{{ . }}}}\n{{{{- end }}}}"
    )


def _annotate_pods(text: YamlText, values: str) -> None:
    metadata = ("spec", "template", "metadata")
    if text.has((*metadata, "annotations")):
        added = f"{{{{- with {values}.podAnnotations }}}}\n{_nested(8)}\n{{{{- end }}}}"
        text.insert_after((*metadata, "annotations"), added)
    else:
        text.insert_after((*metadata, "labels"), _optional(f"{values}.podAnnotations", "annotations", 8))


def _add_components(text: YamlText, document: dict[str, Any]) -> None:
    """Make the additions of each component where its value is set."""
    for component, value in COMPONENTS.items():
        for path, item in additions(component, document):
            lines = yaml.safe_dump([item], sort_keys=False, width=1000)
            lines = lines.replace(delegate_url(), "{{ .Values.delegate.url }}")
            text.insert_after((*path, -1), f"{{{{- if .Values.{value} }}}}\n{lines}{{{{- end }}}}")


def _edit_peers(text: YamlText, document: dict[str, Any]) -> None:
    """Let Prometheus be elsewhere."""
    for number, rule in enumerate(document["spec"].get("ingress", [])):
        for index, peer in enumerate(rule.get("from", [])):
            labels: Path = ("spec", "ingress", number, "from", index)
            if peer["namespaceSelector"]["matchLabels"][NAME_LABEL] in NAMESPACES:
                continue
            if peer["podSelector"]["matchLabels"] != {"app.kubernetes.io/name": "prometheus"}:
                continue
            text.replace(
                (*labels, "namespaceSelector", "matchLabels", NAME_LABEL),
                "{{ .Values.networkPolicies.prometheus.namespace }}",
            )
            text.replace_entry(
                (*labels, "podSelector", "matchLabels"),
                "matchLabels:\n{{- toYaml .Values.networkPolicies.prometheus.labels | nindent 10 }}",
            )


def _edit_config(text: YamlText, key: str) -> None:
    """Let the settings be replaced as a whole."""
    values = f".Values.{key}.config"
    replaced = f"{{{{- if {values} }}}}\n  config.yaml: |\n{{{{- toYaml {values} | nindent 4 }}}}\n{{{{- else }}}}"
    text.wrap(("data", "config.yaml"), replaced, "{{- end }}")


def _optional(value: str, name: str, indentation: int) -> str:
    return f"{{{{- with {value} }}}}\n{name}:\n{_nested(indentation)}\n{{{{- end }}}}\n"


def _nested(indentation: int) -> str:
    return f"{{{{- toYaml . | nindent {indentation} }}}}"

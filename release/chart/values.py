"""The values of the chart: names, types and descriptions here, defaults from the manifests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Labels = dict[str, str]
Name = Annotated[str, Field(max_length=63, pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$")]
Spread = Literal["", "ScheduleAnyway", "DoNotSchedule"]


class Model(BaseModel):
    """An object of the values; unknown names are errors."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Image(Model):
    """A container image."""

    repository: str = Field(min_length=1, description="Registry and name.")
    tag: str = Field(description="Version.")
    digest: str = Field("", pattern=r"^(sha256:[0-9a-f]{64})?$", description="Digest; takes precedence over the tag.")
    pull_policy: Literal["", "Always", "IfNotPresent", "Never"] = Field(
        "", description="When images are pulled. Empty: the default of Kubernetes."
    )


class KubeSchedulerImage(Image):
    """The image of kube-scheduler."""

    tag: str = Field("", description="Version. Empty: that of the cluster.")


class Namespaces(Model):
    """Where the objects are."""

    create: bool = Field(True, description="Create the namespaces, except that of the release.")
    system: Name = Field("", description="The servers. Empty: the namespace of the release.")
    credentials: Name = Field(description="NodeConfigs and the Secrets of their BMCs; nothing runs here.")
    authority: Name = Field(description="The key of the certificate authority; nothing runs here.")
    node: Name = Field(description="The node agents, which need the Pod Security Standard `privileged`.")
    power: Name = Field(description="The Secrets of accounts that switch power, for standby.")


class Crds(Model):
    """The custom resource definitions."""

    install: bool = Field(
        True,
        description="Install and upgrade the custom resource definitions. They stay when the release is uninstalled.",
    )


class Pods(Model):
    """What all workloads have in common."""

    resources: dict[str, dict[str, str | int | float]] = Field(description="Requests and limits of the container.")
    extra_args: list[str] = Field([], description="Additional flags. If a flag is given twice, the last value is used.")
    node_selector: Labels = Field({}, description="Labels of the nodes to run on.")
    tolerations: list[dict[str, Any]] = Field([], description="Taints of nodes to accept.")
    affinity: dict[str, Any] = Field({}, description="Affinity of the Pods.")
    pod_annotations: Labels = Field({}, description="Annotations of the Pods.")
    priority_class_name: str = Field(description="Priority of the Pods.")


class Part(Pods):
    """A server that can be left out."""

    enabled: bool = Field(description="Whether it is installed.")
    replicas: int = Field(ge=1, description="Number of Pods.")


class MetricsApiPart(Part):
    """The metrics API."""

    register_custom_metrics: bool = Field(
        True,
        description="Register custom.metrics.k8s.io. False where another adapter serves it: the parts of WAO read "
        "metrics.waok8s.github.io.",
    )


class SchedulerPart(Part):
    """The extender."""

    config: dict[str, Any] = Field(
        {}, description="Settings (docs/scheduler.md) instead of those in templates/scheduler/config.yaml."
    )


class KubeSchedulerPart(SchedulerPart):
    """The stock kube-scheduler that calls the extender."""

    config: dict[str, Any] = Field(
        {}, description="KubeSchedulerConfiguration instead of that in templates/scheduler/config.yaml."
    )
    image: KubeSchedulerImage = Field(description="The image of kube-scheduler.")


class Agent(Pods):
    """The node agent."""

    enabled: bool = Field(
        description="Whether it is installed; without it, use the weights with Cilium, Envoy or HAProxy."
    )


class Spreading(Model):
    """How the Pods of a server are spread."""

    nodes: Spread = Field(description="Over nodes: ScheduleAnyway, DoNotSchedule, or empty for no constraint.")
    zones: Spread = Field("", description="Over zones: ScheduleAnyway, DoNotSchedule, or empty for no constraint.")


class Prometheus(Model):
    """The Pods of Prometheus."""

    namespace: Name = Field(description="Namespace of the Pods of Prometheus.")
    labels: Labels = Field(description="Labels of the Pods of Prometheus.")


class NetworkPolicies(Model):
    """Who may connect."""

    enabled: bool = Field(True, description="Install a NetworkPolicy for each server.")
    strict: bool = Field(False, description="Also deny all other traffic of the namespaces, in both directions.")
    prometheus: Prometheus = Field(description="Who may read metrics.")


class Cilium(Model):
    """Cilium in place of kube-proxy."""

    enabled: bool = Field(
        False,
        description="Write EndpointSlices with weights for Services with the annotation waok8s.github.io/weights-of.",
    )


class CertManager(Model):
    """Certificates from cert-manager."""

    enabled: bool = Field(False, description="Let cert-manager issue the certificates instead of the controller.")


class Delegate(Model):
    """Another adapter of custom.metrics.k8s.io."""

    enabled: bool = Field(False, description="Forward requests for other metrics than those of WAO to another adapter.")
    url: str = Field(pattern="^https://", description="Address of the other adapter.")


class Monitoring(Model):
    """PodMonitors, rules and dashboards; needs the Prometheus operator."""

    enabled: bool = Field(False, description="Install PodMonitors, rules and dashboards.")
    labels: Labels = Field({}, description="Labels that your Prometheus selects, such as `release: NAME`.")


class Values(Model):
    """Values of the chart wao."""

    image: Image = Field(description="The image of all servers.")
    image_pull_secrets: list[dict[str, str]] = Field([], description="Secrets to pull images with, as `- name: NAME`.")
    common_labels: Labels = Field({}, description="Labels of all objects.")
    namespaces: Namespaces = Field(description="Namespaces of the objects.")
    crds: Crds = Field(Crds(install=True), description="Custom resource definitions.")
    controller: Part = Field(description="NodeConfigs from templates, and serving certificates.")
    metrics_api: MetricsApiPart = Field(description="The sensors, as custom.metrics.k8s.io.")
    scheduler: SchedulerPart = Field(description="The scheduler extender.")
    kube_scheduler: KubeSchedulerPart = Field(description="The stock kube-scheduler that calls the extender.")
    lb: Part = Field(description="The weights of Services.")
    lb_agent: Agent = Field(description="The node agent, which serves the Services by their weights. Needs `lb`.")
    cilium: Cilium = Field(Cilium(enabled=False), description="Weights for Cilium (docs/deployment.md). Needs `lb`.")
    rebalance: Part = Field(description="Moves Pods together; only recommends until `--mode=auto`.")
    standby: Part = Field(description="Switches idle servers off; only recommends until `--act`.")
    ui: Part = Field(description="A page that shows the fleet, decisions and weights.")
    spread: Spreading = Field(description="How the replicas of each server are spread.")
    network_policies: NetworkPolicies = Field(description="Who may connect to the servers.")
    cert_manager: CertManager = Field(CertManager(enabled=False), description="Certificates from cert-manager.")
    delegate: Delegate = Field(description="One registration for two metrics adapters (docs/coexistence.md).")
    monitoring: Monitoring = Field(
        Monitoring(enabled=False), description="Monitoring with the Prometheus operator and Grafana."
    )
    global_: dict[str, Any] = Field({}, alias="global", description="Values of a parent chart; not used.")

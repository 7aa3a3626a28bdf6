"""The custom resources NodeConfig and NodeConfigTemplate as pydantic models: the source of schema and validation.

Every manifest written for the reference (wao-core, group node.waok8s.github.io, version v1beta1) is valid. Fields of
our own are optional, and only they are checked further (`wao_core.crds.rules`), except that the name of a Secret must
be a name. The YAML in manifests/crds is generated from these models (`wao_core.crds.yaml_files`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from wao_core.cluster.durations import parse_duration
from wao_core.crds.rules import (
    CALIBRATION_RULES,
    SECRET_NAME,
    SENSOR_RULES,
    SPEC_RULES,
    STANDBY_RULES,
    TERM_RULES,
    TLS_RULES,
    WAKE_ON_LAN_RULES,
    check,
    validations,
)
from wao_core.errors import DurationError


def _go_duration(text: object) -> object:
    if isinstance(text, str) and "{{" not in text:
        try:
            parse_duration(text)
        except DurationError as error:
            raise ValueError(str(error)) from None
    return text


Duration = Annotated[str, BeforeValidator(_go_duration)]
TextOrInteger = Annotated[StrictStr | StrictInt, WithJsonSchema({"x-kubernetes-int-or-string": True})]


class _Model(BaseModel):
    """Fields in camelCase outside and in snake_case inside. Unknown fields are dropped, as the API server does."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class SecretReference(_Model):
    """A Secret in the NodeConfig's namespace."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})

    name: str = Field(
        "", pattern=SECRET_NAME, description="Name of the Secret; it has the keys `username` and `password`."
    )


class Tls(_Model):
    """How a server's certificate is verified. Default: by the system's authorities, unless an option of WAO differs."""

    model_config = ConfigDict(json_schema_extra=validations(TLS_RULES))

    ca_bundle: str | None = Field(None, max_length=65536, description="PEM certificates of the authorities to trust.")
    fingerprint: str | None = Field(
        None,
        max_length=128,
        description="SHA-256 fingerprint of the only certificate to accept, in hex.",
    )
    insecure_skip_verify: bool | None = Field(
        None, description="Accept any certificate; a warning is logged. False verifies it whatever the default is."
    )

    @model_validator(mode="after")
    def _rules(self) -> Tls:
        check(self, TLS_RULES)
        return self


class SensorOverride(_Model):
    """The sensor, if discovery cannot find it. A template can take it from the node's labels or annotations."""

    model_config = ConfigDict(json_schema_extra=validations(SENSOR_RULES))

    uri: str | None = Field(
        None, max_length=1024, description="Path of the resource, such as /redfish/v1/Chassis/1/Sensors/Inlet."
    )
    name: str | None = Field(
        None,
        max_length=256,
        description="Name of the sensor in that resource; without uri, name of any sensor of the BMC.",
    )
    system: str | None = Field(
        None,
        max_length=256,
        description="The System of this node where the BMC has several: its path, id, name or UUID.",
    )

    @model_validator(mode="after")
    def _rules(self) -> SensorOverride:
        check(self, SENSOR_RULES)
        return self


class CurvePoint(_Model):
    """Power at one CPU usage."""

    cpu_usage: float = Field(ge=0, le=100, description="CPU usage [%].")
    watts: float = Field(ge=1, le=100_000, description="Power [W].")


class EndpointTerm(_Model):
    """One sensor, model or endpoint provider: its type, URL, credentials, and interval."""

    model_config = ConfigDict(json_schema_extra=validations(TERM_RULES))

    type: str = Field(
        description="Fake, Redfish, DifferentialPressureAPI, V2InferenceProtocol, Onnx, PowerCurve, Prometheus or a "
        "plug-in's name."
    )
    endpoint: str = Field(
        description="URL; for Onnx an included model's name or a file path; for PowerCurve specpower:NAME. Empty where "
        "the type needs none."
    )
    basic_auth_secret: SecretReference | None = Field(None, description="Credentials for HTTP basic authentication.")
    fetch_interval: Duration | None = Field(None, description="Time between two readings, a Go duration. Default 15s.")
    tls: Tls | None = Field(None, description="How the server's certificate is verified, if not by the spec's tls.")
    sensor: SensorOverride | None = Field(None, description="The sensor to read, if discovery cannot find it.")
    value: float | None = Field(None, description="Type Fake: the constant.")
    points: list[CurvePoint] | None = Field(
        None,
        min_length=2,
        max_length=1000,
        description="Type PowerCurve: power over CPU usage, instead of an endpoint; linear between the points.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    query: str | None = Field(
        None,
        max_length=4096,
        description="Type Prometheus: PromQL that returns one sample; $node and $address are those of the node. "
        "fetchInterval should not be shorter than the scrape interval.",
    )
    options: dict[str, TextOrInteger] | None = Field(
        None,
        max_length=32,
        description="Further options of the type. PowerCurve: inletPercent, an assumption about fans [% of power per "
        "degC of inlet temperature above 23 degC]. V2InferenceProtocol, and Redfish for a model: inputName, "
        "outputName, datatype, maxBatchSize, contentType, and features (names separated by commas, such as "
        "cpu_usage,inlet_temp). "
        "Default: the metadata of the server, and all three features.",
    )

    @model_validator(mode="after")
    def _rules(self) -> EndpointTerm:
        check(self, TERM_RULES)
        return self


class MetricsCollector(_Model):
    """The node's sensors."""

    inlet_temp: EndpointTerm | None = Field(
        None, description="Inlet temperature [degC]. Not needed for a model without this feature."
    )
    delta_p: EndpointTerm | None = Field(
        None, description="Static pressure difference [Pa]. Not needed for a model without this feature."
    )
    power_watts: EndpointTerm | None = Field(None, description="Measured power [W].")


class Calibration(_Model):
    """How the model is corrected for this server by its measured power, which needs metricsCollector.powerWatts."""

    model_config = ConfigDict(json_schema_extra=validations(CALIBRATION_RULES))

    mode: str = Field(
        "Off",
        description="Off. Shadow learns a correction and reports it in the status, but does not use it. Apply uses it "
        "after its shadow period, and withdraws it when it is worse than its predecessor.",
    )

    @model_validator(mode="after")
    def _rules(self) -> Calibration:
        check(self, CALIBRATION_RULES)
        return self


class Predictor(_Model):
    """The node's power model. Without either field, sensors are read but power is not predicted."""

    power_consumption: EndpointTerm | None = Field(
        None,
        description="The model. With an endpoint provider: Secret and TLS of the model server; type and endpoint are "
        "the provider's.",
    )
    power_consumption_endpoint_provider: EndpointTerm | None = Field(
        None,
        description="Server that names the model's endpoint, such as the BMC.",
    )
    calibration: Calibration | None = Field(
        None, description="How the model is corrected for this server by its measured power. Default: not at all."
    )


class WakeOnLan(_Model):
    """Where the magic packet goes."""

    model_config = ConfigDict(json_schema_extra=validations(WAKE_ON_LAN_RULES))

    mac_address: str = Field(max_length=256, description="MAC address of the interface that listens.")
    broadcast_address: str | None = Field(
        None,
        max_length=256,
        description="Address that the packet is sent to, such as the subnet's broadcast address 10.1.255.255. Default: "
        "255.255.255.255, which reaches the network of wao standby only.",
    )
    port: int | None = Field(None, ge=1, le=65535, description="UDP port. Default 9.")

    @model_validator(mode="after")
    def _rules(self) -> WakeOnLan:
        check(self, WAKE_ON_LAN_RULES)
        return self


class Standby(_Model):
    """How the server of a node is switched off and on. `wao standby` never switches a node without it."""

    model_config = ConfigDict(json_schema_extra=validations(STANDBY_RULES))

    method: str = Field(
        "DryRun",
        description="DryRun only reports what would be done. Redfish switches through the BMC at endpoint. WakeOnLan "
        "starts the server by a magic packet, and shuts it down through the BMC if there is an endpoint, else by an "
        "agent on the node.",
    )
    endpoint: str | None = Field(None, max_length=8192, description="URL of the BMC, https://host[:port].")
    basic_auth_secret: SecretReference | None = Field(
        None,
        description="Account that may switch power: a Secret in the namespace of such accounts (--secret-namespace of "
        "wao standby, wao-power), with another name than the Secrets of sensors and models.",
    )
    tls: Tls | None = Field(None, description="How the BMC's certificate is verified, if not by the spec's tls.")
    system: str | None = Field(
        None, max_length=256, description="Id of the System of this node, needed where the BMC has several."
    )
    wake_on_lan: WakeOnLan | None = Field(None, description="Method WakeOnLan: where the magic packet goes.")
    group: str | None = Field(
        None,
        max_length=63,
        description="Name of a group of nodes of which some always run. Default: all nodes without a group are one.",
    )
    force_off: bool | None = Field(
        None, description="Cut the power of a server that does not shut down within shutdownTimeout. Default false."
    )
    drain_timeout: Duration | None = Field(
        None, description="Time to move the pods elsewhere before the node is given back. Default 10m."
    )
    shutdown_timeout: Duration | None = Field(None, description="Time for the operating system to stop. Default 10m.")
    start_timeout: Duration | None = Field(
        None, description="Time from switching on to Ready before the start counts as failed. Default 10m."
    )
    off_watts: float | None = Field(
        None, ge=0, le=10_000, description="Power of the server when it is off: that of its BMC [W]. Default 8."
    )

    @model_validator(mode="after")
    def _rules(self) -> Standby:
        check(self, STANDBY_RULES)
        return self


class NodeConfigSpec(_Model):
    """The sensors and the power model of a node."""

    model_config = ConfigDict(json_schema_extra=validations(SPEC_RULES))

    node_name: str = Field(description="Name of the Node.")
    metrics_collector: MetricsCollector = Field(description="The node's sensors.")
    predictor: Predictor = Field(description="The node's power model.")
    tls: Tls | None = Field(None, description="How certificates are verified at all endpoints that have no tls.")
    standby: Standby | None = Field(None, description="How the server is switched off and on. Default: never.")

    @model_validator(mode="after")
    def _rules(self) -> NodeConfigSpec:
        check(self, SPEC_RULES)
        return self


class NodeConfigTemplateBody(NodeConfigSpec):
    """The spec of the NodeConfigs; strings are Go templates over the node."""

    node_name: str = Field("", description="Ignored: the name of the node is used.")


class LabelSelectorRequirement(_Model):
    """One requirement of a label selector."""

    key: str
    operator: str = Field(description="In, NotIn, Exists or DoesNotExist.")
    values: list[str] | None = Field(None, json_schema_extra={"x-kubernetes-list-type": "atomic"})


class LabelSelector(_Model):
    """A label selector; an empty one selects every node."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})

    match_labels: dict[str, str] | None = None
    match_expressions: list[LabelSelectorRequirement] | None = Field(
        None, json_schema_extra={"x-kubernetes-list-type": "atomic"}
    )


class NodeConfigTemplateSpec(_Model):
    """The nodes that get a NodeConfig, and its content."""

    node_selector: LabelSelector = Field(description="The nodes.")
    template: NodeConfigTemplateBody = Field(description="The NodeConfigs.")


class Condition(_Model):
    """One condition of a status, in the form of metav1.Condition."""

    type: str
    status: str = Field(description="True, False or Unknown.")
    reason: str | None = None
    message: str | None = Field(None, max_length=1024)
    last_transition_time: str | None = Field(None, json_schema_extra={"format": "date-time"})
    observed_generation: int | None = None


class ChosenSensor(_Model):
    """The sensor that is read."""

    uri: str | None = None
    name: str | None = None


class MetricStatus(_Model):
    """The last value of one metric."""

    name: str
    state: str | None = None
    value: str | None = Field(None, description="A quantity; absent when there is no value.")
    time: str | None = Field(None, json_schema_extra={"format": "date-time"})
    reason: str | None = None
    sensor: ChosenSensor | None = None
    confidence: str | None = Field(None, description="Confidence that this is the right sensor, 0 to 1.")


class _Status(_Model):
    conditions: list[Condition] | None = Field(
        None,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: int | None = None


class StandbyStatus(_Model):
    """What `wao standby` does with the node, from which it goes on after a restart. Times are of the controller."""

    power_state: str | None = Field(None, description="On, Off, PoweringOn, PoweringOff, or Unknown.")
    phase: str | None = Field(None, description="Running, Draining, ShuttingDown, Asleep, Starting or Failed.")
    since: str | None = Field(None, description="When the phase began.", json_schema_extra={"format": "date-time"})
    reason: str | None = Field(None, max_length=1024, description="Why the phase began.")
    attempts: int | None = Field(None, description="Starts in a row that did not make the node Ready.")
    testing: bool | None = Field(None, description="The server is switched off to test its start.")
    heartbeat: str | None = Field(None, description="Last heartbeat of the node before it was off.")
    request: str | None = Field(None, description="The last request of a person that was handled.")
    last_start: str | None = Field(
        None, description="When the server was last switched on.", json_schema_extra={"format": "date-time"}
    )
    last_stop: str | None = Field(
        None, description="When the server was last shut down.", json_schema_extra={"format": "date-time"}
    )
    start_seconds: float | None = Field(None, description="Time from switching on to Ready at the last start [s].")


class CorrectionStatus(_Model):
    """A correction of the model: corrected = scale * predicted + offsetWatts."""

    scale: float | None = Field(None, description="Factor.")
    offset_watts: float | None = Field(None, description="Offset [W].")


class CalibrationStatus(_Model):
    """The calibration of the model by `wao metrics-api`, from which it goes on after a restart."""

    model: str | None = Field(None, max_length=1024, description="The model that the corrections are of.")
    used: CorrectionStatus | None = Field(
        None, description="The correction that passed its shadow period. It is applied if the mode is Apply."
    )
    shadow: CorrectionStatus | None = Field(None, description="The correction that is tried.")
    previous: CorrectionStatus | None = Field(
        None, description="The predecessor of the used correction, as long as the two are compared."
    )
    residual_watts: float | None = Field(
        None, description="Mean of measured minus predicted power of the last samples, with the used correction [W]."
    )


class NodeConfigStatus(_Status):
    """The last values of the node's metrics, and conditions."""

    calibration: CalibrationStatus | None = Field(None, description="The calibration of the model.")
    standby: StandbyStatus | None = Field(None, description="The state of `wao standby`.")
    metrics: list[MetricStatus] | None = Field(
        None, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    )


class NodeConfigTemplateStatus(_Status):
    """The number of nodes, and conditions."""

    nodes: int | None = Field(None, description="Nodes that have a NodeConfig from this template.")

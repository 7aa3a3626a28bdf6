"""Check `scheduler`: kube-scheduler calls the extender, weighs its scores, and reaches it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from wao_core.errors import ManifestError
from wao_core.source.plain_values import plain_values
from wao_doctor.extenders import Extender, scheduler_config
from wao_doctor.facts import Facts, Missing, known
from wao_doctor.findings import Finding, Kind, NotKnown, Outcome, Severity
from wao_doctor.settings import DoctorSettings
from wao_doctor.wire import ConfigMap
from wao_scheduler.config import parse_settings

NO_EXTENDER = Kind(
    "extender-missing",
    Severity.ERROR,
    "The scheduler does not call the extender of WAO.",
    "Pods are placed without regard to power.",
    "the extenders in the configuration",
    "Add the extender to the KubeSchedulerConfiguration, as in manifests/scheduler/config.yaml, and restart "
    "kube-scheduler.",
)
NO_WEIGHT = Kind(
    "extender-without-weight",
    Severity.ERROR,
    "The scores of the extender do not count.",
    "kube-scheduler multiplies the scores by `weight`, and calls the extender for scores only with a `prioritizeVerb`.",
    "the fields of the extender",
    "Set prioritizeVerb: prioritize and weight: 150, as in manifests/scheduler/config.yaml, and restart "
    "kube-scheduler.",
)
OUTWEIGHED = Kind(
    "extender-outweighed",
    Severity.INFO,
    "Other scorers can outvote the extender.",
    "The sum of the weights of the other scorers is higher, so the cheapest node does not always win. That is "
    "intended with `scoreMode: proportional` and weight 1.",
    "both weights",
    "To place by power first, set weight: 150, or disable the other scorers.",
)
UNVERIFIED = Kind(
    "extender-unverified",
    Severity.WARNING,
    "kube-scheduler does not verify the extender.",
    "Another program in the network of Pods can answer in its place and decide where Pods go.",
    "the URL, or `tlsConfig.insecure`",
    "Use https, and set tlsConfig.caFile and serverName instead of insecure.",
)
WHOLE_NODES = Kind(
    "extender-gets-whole-nodes",
    Severity.WARNING,
    "kube-scheduler sends whole Nodes to the extender.",
    "Each request has megabytes instead of a list of names. At 1,000 nodes scheduling takes many times as long.",
    "`nodeCacheCapable` is not set",
    "Set nodeCacheCapable: true, and restart kube-scheduler.",
)
NOT_IGNORABLE = Kind(
    "extender-not-ignorable",
    Severity.WARNING,
    "Pods stay Pending while the extender is unavailable.",
    "Without `ignorable: true` kube-scheduler fails to place a Pod when the extender does not answer.",
    "`ignorable` is not set",
    "Set ignorable: true, unless a hard limit must hold at any price.",
)
UNREACHABLE = Kind(
    "extender-unreachable",
    Severity.ERROR,
    "The extender does not answer.",
    "Pods are placed without regard to power, or stay Pending if the extender is not `ignorable`.",
    "the URL, and the error",
    "`kubectl -n wao-system get pods -l app.kubernetes.io/name=wao-scheduler`, and `kubectl -n wao-system logs "
    "deploy/wao-scheduler`",
)
NOT_READY = Kind(
    "extender-not-ready",
    Severity.WARNING,
    "The extender is not ready.",
    "It has not read the cluster yet, or its inputs are too old. kube-scheduler then gets status 503.",
    "the checks that fail",
    "Look at the log: `kubectl -n wao-system logs deploy/wao-scheduler`",
)
NO_PROFILE = Kind(
    "extender-profile-unknown",
    Severity.ERROR,
    "The URL of the extender names a profile that does not exist.",
    "The extender answers with status 404, and Pods are placed without regard to power.",
    "the name in the URL, and the profiles in the settings",
    "Use the same name in urlPrefix and in the settings of WAO (ConfigMap wao-scheduler).",
)
SETTINGS = Kind(
    "extender-settings-invalid",
    Severity.ERROR,
    "The settings of the extender are not valid.",
    "The extender does not start with them; running replicas keep their old settings until they restart.",
    "the field, and what is wrong",
    "Correct the ConfigMap wao-scheduler.",
)
KINDS = (
    NO_EXTENDER,
    NO_WEIGHT,
    OUTWEIGHED,
    UNVERIFIED,
    WHOLE_NODES,
    NOT_IGNORABLE,
    UNREACHABLE,
    NOT_READY,
    NO_PROFILE,
    SETTINGS,
)
_ELSEWHERE = (
    "Name the ConfigMap of your kube-scheduler: --scheduler-config NAMESPACE/NAME. A file on a node is not visible."
)


def check_scheduler(facts: Facts, settings: DoctorSettings) -> Outcome:
    """Examine the configuration of kube-scheduler, and the extender that it names."""
    maps = known(facts.config_maps)
    place = settings.scheduler_config
    found = maps.get(place)
    if isinstance(found, Missing):
        known(found)
    if not isinstance(found, ConfigMap):
        raise NotKnown(f"there is no ConfigMap {place}", _ELSEWHERE)
    config = scheduler_config(found)
    if config.problem:
        raise NotKnown(f"ConfigMap {place}: {config.problem}", _ELSEWHERE)
    if not config.extenders:
        others = f"{config.others} extenders of other programs" if config.others else "no extenders"
        return Outcome("", [NO_EXTENDER.found(f"ConfigMap {place}", others)])
    findings = [item for extender in config.extenders for item in _fields(extender, place)]
    findings += [item for extender in config.extenders for item in _reached(extender, facts)]
    findings += _profiles(config.extenders, maps.get(settings.extender_settings), settings.extender_settings)
    first = config.extenders[0]
    return Outcome(f"the extender is ready, and its weight is {first.weight}", findings)


def _fields(extender: Extender, place: str) -> Iterator[Finding]:
    about = f"ConfigMap {place}"
    if not extender.prioritize or extender.weight <= 0:
        verb = "set" if extender.prioritize else "not set"
        yield NO_WEIGHT.found(about, f"prioritizeVerb is {verb}, weight is {extender.weight}")
    elif extender.weight < extender.scorers:
        yield OUTWEIGHED.found(about, f"weight {extender.weight}, that of other scorers {extender.scorers}")
    if not extender.https or extender.insecure:
        yield UNVERIFIED.found(about, "tlsConfig.insecure: true" if extender.https else extender.url)
    if not extender.node_cache_capable:
        yield WHOLE_NODES.found(about, "nodeCacheCapable is not true")
    if not extender.ignorable:
        yield NOT_IGNORABLE.found(about, "ignorable is not true")


def _reached(extender: Extender, facts: Facts) -> Iterator[Finding]:
    probe = known(facts.probes).get(extender.url)
    if probe is None or isinstance(probe, Missing):
        why = Missing("it was not tried") if probe is None else probe
        yield unknown_reach(extender, why)
    elif probe.status is None:
        yield UNREACHABLE.found(extender.url, probe.text)
    elif probe.status != 200:
        yield NOT_READY.found(extender.url, f"status {probe.status}: {probe.text}")


def unknown_reach(extender: Extender, why: Missing) -> Finding:
    """Return the finding that it is not known whether the extender answers."""
    return Finding(
        "not-known",
        Severity.UNKNOWN,
        "It is not known whether the extender answers.",
        extender.url,
        why.reason,
        why.remedy,
    )


def _profiles(extenders: tuple[Extender, ...], found: ConfigMap | Missing | None, place: str) -> Iterator[Finding]:
    """Compare the profiles that URLs name with those in the settings, where these can be read."""
    if not isinstance(found, ConfigMap):
        return
    for text in (found.data or {}).values():
        try:
            documents = plain_values(text)
            settings = parse_settings((documents or [None])[0] or {})
        except ManifestError as error:
            yield SETTINGS.found(f"ConfigMap {place}", str(error))
            return
        for extender in extenders:
            if extender.profile and extender.profile not in settings.profiles:
                names = ", ".join(sorted(settings.profiles))
                yield NO_PROFILE.found(extender.url, f"profile {extender.profile}; the settings have {names}")

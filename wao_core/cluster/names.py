"""Names of Kubernetes objects, and of the API group of our custom resources.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names (RFC 1123 subdomains and labels).
"""

from __future__ import annotations

import re

GROUP = "node.waok8s.github.io"
VERSION = "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"
METRICS_GROUP = "metrics.waok8s.github.io"
"""Our own API group for the metrics of nodes, which another adapter of custom.metrics.k8s.io does not take away."""
METRICS_API_VERSION = f"{METRICS_GROUP}/v1beta2"
FIELD_MANAGER = "wao-controller"
"""Field manager of all objects that the controller applies, and their label app.kubernetes.io/managed-by."""

SERVICE_NAME = "kubernetes.io/service-name"
"""Label of an EndpointSlice: the Service that it belongs to."""

DRAINING = "waok8s.github.io/draining"
"""Key of the taint on a Node that is being drained; its value is the application that drains it.

The scheduler extender gives such a node its lowest score, so that no Pod returns to it.
"""

ZONE = "topology.kubernetes.io/zone"
"""Label of a Node: the zone that it is in."""

EVICTABLE = "waok8s.github.io/evictable"
"""Annotation of a Pod: "false" keeps it where it is; "true" also permits Jobs, emptyDir volumes and system Pods."""

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
"""Regular expression of an object's name, for RE2 and Python alike; the length is not part of it."""
MAX_SUBDOMAIN, MAX_LABEL = 253, 63
_SUBDOMAIN, _LABEL_NAME = re.compile(SUBDOMAIN), re.compile(_LABEL)
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def is_subdomain(name: str) -> bool:
    """Return whether this can be the name of an object, such as a Secret."""
    return len(name) <= MAX_SUBDOMAIN and _SUBDOMAIN.fullmatch(name) is not None


def is_label(name: str) -> bool:
    """Return whether this can be the name of a namespace."""
    return len(name) <= MAX_LABEL and _LABEL_NAME.fullmatch(name) is not None


def is_label_value(text: str) -> bool:
    """Return whether a text is a valid, non-empty value of a label; the name of a label has the same form."""
    return _LABEL_VALUE.fullmatch(text) is not None


def shortened(name: str, most: int) -> str:
    """Return the first characters of a name that are a name too: a name ends with a letter or a digit.

    Examples
    --------
    >>> shortened("edge.example.com", 5), shortened("edge", 5)
    ('edge', 'edge')
    """
    return name[:most].rstrip("-.")

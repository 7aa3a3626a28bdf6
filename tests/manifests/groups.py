"""API groups in the manifests."""

from __future__ import annotations

FOREIGN = ("monitoring.coreos.com/", "cert-manager.io/")
"""Groups of other projects, whose schemas are not those of Kubernetes."""

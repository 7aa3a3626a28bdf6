"""Writes the Grafana dashboards of manifests/monitoring (`python -m docs.monitoring`)."""

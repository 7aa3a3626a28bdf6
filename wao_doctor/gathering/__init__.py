"""Reads facts: from an API server, or from a folder of manifests and the sensors that it names."""

"""Aggregated API server for custom.metrics.k8s.io: the metrics of nodes, read from their BMCs and sensors."""

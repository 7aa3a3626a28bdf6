"""Draining a node: which Pods may leave it, evictions, and the marks on the Node."""

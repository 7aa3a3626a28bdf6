"""Applications that act on nodes: moving pods together, and switching servers off.

They share the drain: which Pods may be evicted, the Eviction API, and the marks on a node that is being drained.
"""

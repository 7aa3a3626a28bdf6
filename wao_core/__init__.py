"""The cluster: records, custom resources, sources, snapshots and power curves of all nodes, controller, serving."""

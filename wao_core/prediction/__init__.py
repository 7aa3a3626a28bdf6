"""Power curves of all nodes, and the snapshots that decisions are made on."""

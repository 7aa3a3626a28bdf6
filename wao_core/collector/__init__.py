"""Reads sensors into a store of samples: one poller per NodeConfig term, or one for several that share an endpoint."""

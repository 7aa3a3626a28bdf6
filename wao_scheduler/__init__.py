"""A kube-scheduler extender: MinimizePower (`prioritize`), PodSpread and hard limits (`filter`), explain and what-if."""

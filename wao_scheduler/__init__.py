"""A kube-scheduler extender: MinimizePower (`prioritize`), PodSpread and limits (`filter`), explain and what-if."""

"""The extender with the stock kube-scheduler, deployed from our manifests: placements, spreading, outages, size."""

"""Where the cluster's objects come from: a folder of manifests, or an API server."""

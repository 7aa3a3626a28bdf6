"""Where readings come from: a constant, a BMC, a differential pressure API, a Prometheus server."""

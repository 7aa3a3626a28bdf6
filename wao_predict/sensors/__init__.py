"""Sources of readings: a constant, a BMC, a differential pressure API, a Prometheus server."""

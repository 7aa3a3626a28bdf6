"""The only place that talks to an API server: client, reflector, leases, events."""

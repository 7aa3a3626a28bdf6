"""A real control plane on loopback: certificates, processes, and a client for tests."""

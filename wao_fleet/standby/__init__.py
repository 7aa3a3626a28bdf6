"""Switches idle servers off, and on again before anybody waits: `wao standby`."""

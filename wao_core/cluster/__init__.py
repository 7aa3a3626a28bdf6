"""The cluster as records and state: no I/O."""

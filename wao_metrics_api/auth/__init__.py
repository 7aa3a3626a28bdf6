"""Who asks, and may they: the delegated authentication and authorisation of an aggregated API server."""

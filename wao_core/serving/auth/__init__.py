"""Delegated authentication and authorisation of an aggregated API server."""

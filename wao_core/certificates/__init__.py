"""Serving certificates: self-signed ones, and those that the controller issues."""

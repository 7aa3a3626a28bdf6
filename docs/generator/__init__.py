"""Writes the reference pages that come from the code (`python -m docs.generator`)."""

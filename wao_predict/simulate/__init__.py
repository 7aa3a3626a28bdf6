"""Simulated placements: the predicted power of a fleet after different policies placed the same pods."""

"""Weights in the formats of other load balancers."""

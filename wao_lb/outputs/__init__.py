"""Weights in the forms that load balancers read."""

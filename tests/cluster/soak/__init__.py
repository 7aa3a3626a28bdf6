"""Hours of faults on a real control plane, and what must hold throughout."""

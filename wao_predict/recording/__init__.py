"""Recording of load, temperature, pressure and power for training: sources, alignment in time, and files."""

"""The main job end to end: mock BMCs, the three apps, and what they decide. Above all other packages."""

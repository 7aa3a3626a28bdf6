"""Simulated fleets: bursts of equal pods (`placement`), and days on which pods come and go (`engine`)."""

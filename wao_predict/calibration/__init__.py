"""Calibration of models to single servers: a bounded correction, learned from predicted and measured power."""

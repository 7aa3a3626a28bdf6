"""A sensor and a power model for WAO, as an example of a plug-in."""

"""The checks: pure functions from facts to findings, one module each, and the kinds of what they find."""

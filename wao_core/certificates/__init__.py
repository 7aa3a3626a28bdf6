"""Serving certificates: self-signed ones in a folder (`self_signed`), and those that the controller issues.

`authority` computes which certificates to issue, `serving_certificates` keeps the cluster up to date, and `parts` has
what both kinds share.
"""

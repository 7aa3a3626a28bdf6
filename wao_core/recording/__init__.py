"""Recording of a cluster as a table for training: `wao record cluster`."""

"""The page of `wao ui`: what the applications know and decide, for people. Read-only. Above all applications."""

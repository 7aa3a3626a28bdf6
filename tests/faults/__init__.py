"""Abuse and exhaustion: a server keeps serving good clients, within its memory."""

"""The frame of every server: TLS, health, metrics, logs, background tasks, a graceful stop, and forms of errors."""

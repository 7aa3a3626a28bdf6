"""What all servers share: TLS, a runner with a graceful stop, health, logs, Prometheus text, `metav1.Status`."""

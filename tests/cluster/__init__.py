"""Tests on a real control plane, without containers: etcd, API server, controllers, scheduler, kwok, metrics-server."""

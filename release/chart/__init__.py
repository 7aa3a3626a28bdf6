"""The Helm chart, generated from the kustomize manifests, so that both install the same objects."""

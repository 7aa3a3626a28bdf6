"""What a release consists of: Helm chart, manifests for each part, and the image's root file system."""

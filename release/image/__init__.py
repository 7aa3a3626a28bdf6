"""The image's root file system, assembled from the Dockerfile in a chroot, where there is no container engine."""

"""The weight service and a node agent, deployed from our manifests."""

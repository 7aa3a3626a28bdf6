"""The node agent in real network namespaces with real connections: `make test-netns`, as root."""

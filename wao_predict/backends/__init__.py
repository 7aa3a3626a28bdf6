"""Sources of watts: a constant, a model file, a model server, or the model that a BMC names."""

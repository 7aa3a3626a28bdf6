"""The controller: it creates, updates and deletes NodeConfigs as templates and nodes require."""

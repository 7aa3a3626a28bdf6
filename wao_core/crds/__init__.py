"""The custom resources: models, rules, generated YAML, templates, and the NodeConfigs they ask for."""

"""The custom resources: models, rules, generated YAML, templates, and the desired NodeConfigs."""

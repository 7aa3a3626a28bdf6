"""NodeConfigTemplates to NodeConfigs: the pure plan, and the loop that carries it out."""

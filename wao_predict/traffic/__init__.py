"""How the traffic of Services is divided among their endpoints, by predicted power. Pure."""

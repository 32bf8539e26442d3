"""Reading: what is asked of agent and graph together."""

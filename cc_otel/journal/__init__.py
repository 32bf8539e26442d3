"""The journal: the agent's only state, one SQLite file."""

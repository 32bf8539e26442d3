"""The agent's own door: a Model Context Protocol server over the named queries, which only reads."""

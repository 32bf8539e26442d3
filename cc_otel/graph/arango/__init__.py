"""The graph in ArangoDB, and the one room of its driver."""

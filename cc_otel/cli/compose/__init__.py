"""Settings to parts: the one place where the agent, the graph-exporter and their home are put together."""

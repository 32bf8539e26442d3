"""Events in, spans out: what the agent does between the spool and the wire."""

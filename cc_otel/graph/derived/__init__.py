"""What takes two spans to say: which call followed, repeated, superseded or mended which (docs/graph.md, "Rules")."""

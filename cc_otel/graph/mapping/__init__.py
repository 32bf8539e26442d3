"""From spans to vertices and edges: pure, and the same graph for any order and grouping of the spans."""

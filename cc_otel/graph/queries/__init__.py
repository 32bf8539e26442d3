"""The named queries: one file each, `.sql` for SQLite and `.aql` for ArangoDB, told of in docs/graph.md."""

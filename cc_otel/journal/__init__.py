"""
What the agent must not forget: the inputs of the assembler, and the spans that no receiver has acknowledged yet.

One SQLite file, WAL, ``synchronous=FULL``: what a transaction has committed survives kill -9. `journal.Journal` has a
part for each thing that is kept: `inputs`, `outbox`, `open_spans`, `counters` and `status`.
"""

"""One sentence per span: from the cache, from a model, or by rule, and never late."""

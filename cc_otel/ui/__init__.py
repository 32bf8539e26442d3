"""The page: an HTTP server that only reads, and what a browser shows."""

"""The demo command and the session that it plays."""

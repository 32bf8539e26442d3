"""What the agent says of one call beyond what its events say in so many words: pure, of redacted content, bounded."""

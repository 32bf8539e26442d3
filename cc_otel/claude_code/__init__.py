"""What only Claude Code says: its events, tools, settings and transcripts."""

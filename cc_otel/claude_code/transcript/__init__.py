"""Claude Code's own transcripts: model calls with tokens and cost, and what else only they tell."""

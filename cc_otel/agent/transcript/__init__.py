"""The client's transcripts: model calls with tokens and cost, interruptions, launching calls."""

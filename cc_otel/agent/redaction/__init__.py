"""Secrets out, before anything is journaled, summarised by a model or sent."""

"""Secrets out, before anything is journaled, told to a model or sent."""

"""The sentence that every span has without a model: written by rule."""

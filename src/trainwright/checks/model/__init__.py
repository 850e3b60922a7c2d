"""Checks of the model family."""

"""Checks of the generalise family."""

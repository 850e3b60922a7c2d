"""Checks of the tune family."""

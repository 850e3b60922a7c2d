"""Checks of the fit family."""

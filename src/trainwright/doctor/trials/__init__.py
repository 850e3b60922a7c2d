"""Deliberate experiments on a copy of the user's set-up, one per file."""

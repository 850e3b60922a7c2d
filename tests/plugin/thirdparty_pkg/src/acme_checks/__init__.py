"""Checks of the Acme company. Modules in this package are found through the entry point in pyproject.toml."""

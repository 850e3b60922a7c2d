"""Observing torch models: trials on a copy, and listening to a running loop."""

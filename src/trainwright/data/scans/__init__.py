"""Probes that measure data, one subject per file."""

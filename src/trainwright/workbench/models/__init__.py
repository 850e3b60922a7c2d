"""Plain, well-known architectures to start from."""

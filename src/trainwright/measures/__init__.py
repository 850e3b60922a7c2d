"""What can be known: frozen dataclasses over NumPy, one module per subject."""

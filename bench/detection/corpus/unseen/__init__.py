"""Programs of the evaluation half, written by people who saw neither the checks nor what they say of a program."""

"""Contract suites for people who write their own checks."""

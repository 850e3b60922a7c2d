"""Health and illness in miniature: seeded benches and composable faults, pure data."""

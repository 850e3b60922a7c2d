"""The recipe: stages with gates, run in order and kept in the logbook."""

"""Run folders, atomic files, metrics; the folders are the truth."""

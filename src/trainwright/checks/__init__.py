"""Judgement: one file per check, a folder per family."""

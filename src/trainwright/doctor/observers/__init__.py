"""Observers: each keeps one kind of thing that a watched loop shows, and turns it into measurements."""

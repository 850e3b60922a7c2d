"""Integrations: one callback for each training framework, which starts a watch with the training and ends it with it.

They stand here, and not with the doctor, since a watch prints and writes a report. What happens in between is heard by
the doctor's taps, whatever the framework; a callback only adds what cannot be heard.
"""

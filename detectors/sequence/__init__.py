"""Sequence detectors: they read a signal's values, or the slices of its trace, in the order of event time."""

"""The maths of Driftline: profiles, comparisons, tests, sequence detectors, baselines.

No I/O, no clock, no logging: every answer is a function of its arguments.
"""

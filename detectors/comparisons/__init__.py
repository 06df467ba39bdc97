"""Signals of a window compared with their references: verdicts, effects, what contributes, and a sentence."""

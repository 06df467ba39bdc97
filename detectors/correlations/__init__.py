"""Correlations of a window against those of its baseline."""

"""What events are seen through, frozen with a baseline: a lens for correlations, a scorer of single events."""

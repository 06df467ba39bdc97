"""A configuration proposed from events: what stands where in them is told from their values."""

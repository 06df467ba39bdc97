"""A configuration tried on history."""

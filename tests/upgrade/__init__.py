"""Forms that an older version left behind, read by this one: what a rolling upgrade meets."""

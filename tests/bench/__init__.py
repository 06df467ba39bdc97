"""The benchmark: what an event costs, beside what it would cost to do nothing but read and decode it."""

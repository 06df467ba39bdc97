"""The monitor's tables: their keys and records, and what a new owner of a partition makes of them."""

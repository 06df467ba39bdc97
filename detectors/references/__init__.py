"""A baseline made ready to be compared with: its cells, its ladder, and the walk along it."""

"""Series in CSV files: read, and drawn."""

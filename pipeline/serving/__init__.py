"""What a worker shows: series, health and the page, on one port."""

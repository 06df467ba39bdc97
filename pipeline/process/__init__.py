"""What any process of ours needs of its own: threads, memory, logs, points to fail at."""

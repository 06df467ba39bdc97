"""Published data through the public command. The data are not part of the project: without them these tests skip."""

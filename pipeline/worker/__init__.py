"""A worker: ingest and the monitor on Kafka, from start to end."""

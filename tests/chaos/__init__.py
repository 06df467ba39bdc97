"""Faults on a real Kafka, held against a batch computation over the input: `make chaos`."""

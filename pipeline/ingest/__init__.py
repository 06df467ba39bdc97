"""The core of ingest, without Kafka: from events to packets."""

"""The core of the monitor, without Kafka: from packets to verdicts, alerts and what is remembered."""

"""Kafka for the tests: Apache Kafka where there is Java, librdkafka's mock broker where there is not."""

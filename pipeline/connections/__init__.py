"""Kafka and the ways to it: clients, secrets, rights, topics, reading and writing them."""

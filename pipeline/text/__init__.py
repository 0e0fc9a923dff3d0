"""What an article says: pure functions from text to entities and quotes. No Kafka, no Elasticsearch."""

ENGINE_VERSION = "5"
"""Raised by hand whenever the same text gives other entities or quotes, so that old articles can be done again."""

"""The embedded engines: a real Kafka and a real Elasticsearch, no Docker, no Java, no root."""

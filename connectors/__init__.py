"""Connectors: one kind of news source a file, each turning a source into Article events."""

"""Publishes articles again: for a newer engine, or from what the topic still has."""

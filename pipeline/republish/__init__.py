"""Publishes articles again: for a newer engine, or those that the topic still holds."""

"""Connectors read news sources and publish their articles."""

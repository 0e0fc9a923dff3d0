"""Faust agents: articles in, enriched articles out."""

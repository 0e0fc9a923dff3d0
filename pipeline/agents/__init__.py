"""Enrichment workers: Faust agents that read articles and publish enriched articles."""

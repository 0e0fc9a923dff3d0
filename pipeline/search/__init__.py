"""The search service: an HTTP API and pages over the indices."""

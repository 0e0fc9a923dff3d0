"""Tells who is who across articles: compares names, keeps entities, resolves what articles name, looks names up."""

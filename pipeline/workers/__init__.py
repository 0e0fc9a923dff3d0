"""Runs work in processes of its own: starts, feeds, watches and replaces them."""

"""Turns bytes of feeds, pages and files into articles. Nothing here reads the network."""

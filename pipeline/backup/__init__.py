"""Backs up what an installation keeps, topics and indices, and restores it into an empty one."""

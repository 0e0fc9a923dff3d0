"""Fuzzing of what strangers send: feeds, pages, sitemaps, archives, files and pushed bodies.

`make fuzz MINUTES=10` takes the fixtures as a beginning, changes them at random, and looks for crashes and hangs.
"""

"""Tells what saved searches find, as articles are written: by webhook and by e-mail, each quote once."""

"""Builds new indices while articles go on being written, verifies them, and swaps to them."""

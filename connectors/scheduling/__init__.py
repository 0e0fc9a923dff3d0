"""Decides which source is read when and by whom, and keeps what is known of each."""

"""Dead letters: what there is, replaying them, and what became of those that were replayed."""

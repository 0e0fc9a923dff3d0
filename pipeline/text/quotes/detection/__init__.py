"""Finds what may be a quote: marked sentences with their cues, reported clauses, parentheticals."""

"""Who says a quote: the cue's subject, the mention, and the name that it stands for."""

"""How likely a candidate is a quote, by its features and by counts from annotated news."""

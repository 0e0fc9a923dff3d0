"""Words that the rules know: verbs and nouns of speech, roles, organisations."""

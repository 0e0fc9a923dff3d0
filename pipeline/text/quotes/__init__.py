"""The quote engine: from parsed text to quotes with their cues and speakers."""

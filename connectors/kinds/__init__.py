"""Each module reads one kind of news source."""

"""Names within an article: their parts, and the one name that each mention stands for."""

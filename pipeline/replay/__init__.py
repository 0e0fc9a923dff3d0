"""Events sent through the pipeline again: dead letters once their cause is mended, articles for a newer engine."""

"""The pages by which somebody runs WhoSaid: sources, dead letters, statistics. `whosaid serve` adds them to its own."""

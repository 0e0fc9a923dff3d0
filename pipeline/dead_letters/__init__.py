"""Lists dead letters, replays them, and follows what becomes of the replayed events."""

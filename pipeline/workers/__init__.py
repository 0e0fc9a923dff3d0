"""Worker processes: started, given batches, watched, replaced."""

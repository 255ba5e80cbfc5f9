"""Progress of runs, and their records."""

"""Progress of a run while it goes on, and its record for those who ask later."""

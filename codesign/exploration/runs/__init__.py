"""What is told of a run while it goes on, and what is kept of it for whoever asks later."""

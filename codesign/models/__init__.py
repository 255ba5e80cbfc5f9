"""Trained models as files: weights with a card that says where they come from and how well they perform."""

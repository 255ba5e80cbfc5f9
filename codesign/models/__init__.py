"""Trained models as files: weights with a card that says where they come from and what they are good for."""

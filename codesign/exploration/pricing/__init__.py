"""Pricing stored executions on many chips at once: every combination of varied numbers."""

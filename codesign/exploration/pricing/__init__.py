"""Prices of many chips at once: one cross product of numbers on stored executions."""

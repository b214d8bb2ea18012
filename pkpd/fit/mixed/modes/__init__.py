"""Conditional modes: the most likely random effects of every subject."""

"""Dose intensity: what a patient was given of what was planned, and what became of every planned dose."""

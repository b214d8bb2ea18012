"""From starts to a minimum, and what can be said of it."""

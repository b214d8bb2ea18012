"""Population fits: random effects between subjects and occasions, every method on one problem."""

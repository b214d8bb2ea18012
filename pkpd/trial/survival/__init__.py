"""Time until something happens: progression-free survival, Kaplan–Meier, log-rank, Cox, landmark."""

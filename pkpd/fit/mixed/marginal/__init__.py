"""Marginal likelihoods: the integral over the random effects, approximated and exact."""

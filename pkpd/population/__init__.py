"""What is fitted and what is simulated, as one value: typical values, random effects, covariates, errors (floor 3)."""

from pkpd.population.omega import Omega, block

__all__ = ["Omega", "block"]

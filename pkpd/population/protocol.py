"""What a fit hands over to a simulation, so that neither knows the other's code."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.model import Model
from pkpd.population.population import Population

if TYPE_CHECKING:
    import pandas


@runtime_checkable
class Source(Protocol):
    """Whatever knows a population: a fit, say."""

    def population(self) -> Population:
        """Return the population as it was estimated."""

    def draws(self, n: int, rng: np.random.Generator) -> tuple[Population, ...]:
        """Return `n` populations that differ by the uncertainty of the estimates."""

    def individual_values(self) -> pandas.DataFrame | None:
        """Return the parameters of every subject, one row each; None where subjects do not differ."""


@checked
def population_of(source: Population | Source | Model) -> Population:
    """Return what a fit or a model says about a population.

    A pooled fit whose PK was given per subject hands these subjects' values on as whole rows; individual fits hand on
    their typical values and their empirical covariance; a model alone has its default values and no random effects.

    Raises
    ------
    InputError
        If a model has parameters without a value, or the source is nothing of this.
    """
    if isinstance(source, Population):
        return source
    if isinstance(source, Model):
        if source.parameters.missing:
            missing = ", ".join(source.parameters.missing)
            raise InputError(f"the model has no value for {missing}; set them by with_values")
        return _alone(source)
    return source.population()


@lru_cache(maxsize=16)
def _alone(model: Model) -> Population:
    """Subjects who are all alike; its texts are checked once."""
    return Population(model, model.parameters)

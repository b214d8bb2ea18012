"""Whom to simulate: a model, typical values, variability, covariates (floor 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.fit.result import Fit, Fits
from pkpd.model import Model
from pkpd.parameters import Parameters, Variability
from pkpd.population import ResidualError

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Population:
    """What virtual subjects are drawn from: a model, its typical values, and how subjects and measurements vary.

    Attributes
    ----------
    model : Model
        The equations, with or without units of their own.
    parameters : Parameters
        Typical values; those of the residual errors (``prop_C`` …) too.
    variability : Variability, optional
        Between subjects.
    errors : tuple of ResidualError
        Of the outputs that are measured.
    table : DataFrame, optional
        Individual parameters, one row per known subject: virtual subjects take whole rows, with replacement.
    covariates : DataFrame or callable, optional
        Rows to take covariates from (with replacement), or a function of (generator, subjects) that draws them.
    """

    model: Model
    parameters: Parameters
    variability: Variability | None = None
    errors: tuple[ResidualError, ...] = ()
    table: pandas.DataFrame | None = None
    covariates: pandas.DataFrame | Callable[[np.random.Generator, int], pandas.DataFrame] | None = None

    def __post_init__(self) -> None:
        if self.variability is not None and not isinstance(self.variability, Variability):
            kind = type(self.variability).__name__
            raise InputError(f"variability is a {kind}; expected Variability, such as Variability.independent(CL=0.3)")

    def draw(self, subjects: int, rng: np.random.Generator) -> dict[str, Array]:
        """Return every model parameter and covariate of `subjects` virtual subjects, one array each."""
        values = {n: np.full(subjects, self.parameters[n]) for n in self.model.parameters.names}
        if self.table is not None:
            rows = rng.integers(len(self.table), size=subjects)
            values |= {str(n): self.table[n].to_numpy(float)[rows] for n in self.table.columns}
        if self.variability is not None:
            values |= self.variability.draw(self.parameters.as_dict(), subjects, rng)
        if self.covariates is not None:
            people = self._people(subjects, rng)
            values |= {str(n): people[n].to_numpy() for n in people.columns if n != "subject"}
        return values

    def _people(self, subjects: int, rng: np.random.Generator) -> pandas.DataFrame:
        if callable(self.covariates):
            return self.covariates(rng, subjects)
        assert self.covariates is not None
        return self.covariates.iloc[rng.integers(len(self.covariates), size=subjects)]


def population(source: Population | Fit | Fits | Model) -> Population:
    """Return what a fit or a model says about a population.

    A pooled fit whose PK was given per subject hands these subjects' values on as whole rows; individual fits hand on
    their typical values and their empirical variability; a model alone has its default values and no variability.

    Raises
    ------
    InputError
        If a model has parameters without a value.
    """
    if isinstance(source, Population):
        return source
    if isinstance(source, Fits):
        typical, spread = source.typical(), source.variability()
        first = next(iter(source.values()))
        return Population(first.model, typical, spread, first.errors)
    if isinstance(source, Fit):
        return Population(source.model, source.parameters, None, source.errors, source.given)
    if source.parameters.missing:
        missing = ", ".join(source.parameters.missing)
        raise InputError(f"the model has no value for {missing}; set them by with_values")
    return Population(source, source.parameters)

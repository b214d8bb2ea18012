"""What a population fit is made of: its rows, computed when asked for or kept, and its sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pkpd.files import Part
from pkpd.fit.mixed.marginal.laplacian import FO, Marginal
from pkpd.fit.mixed.modes.modes import conditional_modes
from pkpd.fit.mixed.result.beside import fitted_covariates, with_covariates
from pkpd.fit.mixed.result.estimate import Estimate
from pkpd.fit.mixed.result.individuals import individuals_of
from pkpd.fit.mixed.result.origin import Origin, origin_of
from pkpd.fit.mixed.result.residuals import residuals
from pkpd.model import expressions
from pkpd.population import Population

if TYPE_CHECKING:
    import pandas
    import xarray

    from pkpd.study import Study


class Tables(Protocol):
    """What a fit knows row by row."""

    @property
    def individuals(self) -> xarray.Dataset:
        """As `pkpd.fit.mixed.result.individuals.individuals_of` returns it."""

    @property
    def predictions(self) -> pandas.DataFrame:
        """As `pkpd.fit.mixed.result.residuals.residuals` returns it."""

    @property
    def data_hash(self) -> str:
        """`Study.data_hash` of the data; empty if unknown."""


@dataclass(frozen=True, eq=False)
class Computed:
    """Tables that are computed when they are first asked for.

    Attributes
    ----------
    estimate : Estimate
        What they are computed from.
    study : Study or None
        The data.
    """

    estimate: Estimate
    study: Study | None = None

    @property
    def data_hash(self) -> str:
        """What tells the data from others."""
        return "" if self.study is None else self.study.data_hash

    @cached_property
    def there(self) -> Marginal:
        """The marginal likelihood with conditional modes of the model itself; after FO they are searched now."""
        there = self.estimate.marginal
        if self.estimate.method != FO:
            return there
        return replace(there, modes=conditional_modes(self.estimate.problem, there.point))

    @cached_property
    def individuals(self) -> xarray.Dataset:
        """What is known of every subject."""
        covariates, _ = fitted_covariates(self.estimate.problem, self.study)
        return with_covariates(individuals_of(self.estimate.problem, self.there, self.estimate.method), covariates)

    @cached_property
    def predictions(self) -> pandas.DataFrame:
        """Predictions and residuals of every row."""
        return self.residuals("symmetric")

    def residuals(self, root: str) -> pandas.DataFrame:
        """Return predictions and residuals by a root of the subjects' covariances."""
        return residuals(self.estimate.problem, self.there.point, self.there.modes, root)


@dataclass(frozen=True, eq=False)
class Kept(Part):
    """Tables as they were computed once, e.g. before they were saved.

    Attributes
    ----------
    individuals : xarray.Dataset
    predictions : DataFrame
    data_hash : str
    origin : Origin or None
        What the problem was made of beside the study.
    """

    individuals: xarray.Dataset
    predictions: pandas.DataFrame
    data_hash: str = ""
    origin: Origin | None = None


def kept(tables: Tables, estimate: Estimate | None) -> Kept:
    """Return the tables of a fit as they are now, with what makes its problem again."""
    if isinstance(tables, Kept):
        return tables
    study = tables.study if isinstance(tables, Computed) else None
    origin = None if estimate is None else origin_of(estimate.problem, study)
    return Kept(tables.individuals, tables.predictions, tables.data_hash, origin)


@dataclass(frozen=True)
class Counts(Part):
    """Sizes that criteria are made of.

    Attributes
    ----------
    subjects, observations, censored : int
        Of the data; a censored record counts as an observation.
    mixed, fixed : int
        Estimated numbers that belong to parameters with a random effect (their typical values, coefficients in their
        relations, elements of Ω), and all others (residual errors, parameters without a random effect).
    """

    subjects: int
    observations: int
    censored: int
    mixed: int
    fixed: int


def mixed_numbers(people: Population) -> int:
    """Return how many estimated numbers belong to parameters with a random effect (`Counts.mixed`)."""
    omega = people.omega
    active = {n for n, v in zip(omega.names(), np.diag(omega.matrix()), strict=True) if v > 0}
    active = {n.removesuffix("_1") if n.startswith("kappa_") else n for n in active}
    moved: set[str] = set()
    own = [f"{name} + ({text})" for name, text in people.error_exponents.items()]
    for text in (*people.texts.values(), *own):
        names = expressions.names(text)
        if names & active:
            moved |= names
    return len(moved & set(people.parameters.free)) + len(omega.free)

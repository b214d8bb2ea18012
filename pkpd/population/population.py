"""What is fitted is what is simulated: a model, typical values, and how subjects and measurements vary."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd.arguments import checked, checked_fields
from pkpd.arrays import Array, Integers
from pkpd.errors import InputError, nearest, shown, unknown_names
from pkpd.files import Saved
from pkpd.model import Model, evaluate_text, expressions, individual_model
from pkpd.model.individual import over_occasions
from pkpd.parameters import Parameter, Parameters
from pkpd.population.constraints import Constraint
from pkpd.population.correlation import ErrorCorrelation, correlation_problems
from pkpd.population.covariates import (
    covariate_columns,
    covariates_beside,
    drawn_covariates,
    needed_covariates,
    relation_problems,
    typical_covariates,
)
from pkpd.population.effects import differs_by_occasion, exponents_of, individual_texts, own_errors
from pkpd.population.omega import Omega
from pkpd.population.priors import Prior, PriorDensity
from pkpd.population.residual import ResidualError
from pkpd.population.show import as_text
from pkpd.population.subject_rows import SubjectRows

if TYPE_CHECKING:
    import pandas

_MOST_REDRAWS, _OMEGA = 10_000, "Omega.independent(CL=0.3)"


@dataclass(frozen=True, eq=False)
class Population(Saved):
    """A model, its typical values, and how subjects, occasions and measurements vary: fitted and simulated alike.

    Attributes
    ----------
    model : Model
        The equations of a typical subject, with or without units of their own.
    parameters : Parameters
        Typical values with their bounds; those of the residual errors (``prop_C`` …) and the coefficients of
        covariates too.
    omega : Omega
        Random effects between subjects and between occasions; none by default.
    errors : tuple of ResidualError
        Of the outputs that are measured.
    table : DataFrame, optional
        Individual parameters, one row per known subject: virtual subjects take whole rows, with replacement.
    covariates : DataFrame or callable, optional
        Rows to take covariates from (with replacement; where `table` has the same subjects, with its rows), or a
        function of (generator, subjects) that draws them. ``attrs["units"]`` may say a table's units; else kg.
    relations : mapping
        Parameter → how it depends on covariates, e.g. ``{"CL": "CL*(weight/70)**0.75"}``.
    exponents : mapping
        Parameter → what is added on its scale, in random effects, e.g. ``{"CL": "eta_scale + eta_CL"}``; by default
        the random effects of its name. Those of a residual error's parameter multiply the SD with their exp.
    scales : mapping
        Parameter → ``"log"``, ``"logit"`` or ``"natural"``, where it is not that of its bounds.
    limits : mapping
        Parameter → bounds of its individual value, e.g. ``{"L0": (1.0, inf)}``: a subject outside is drawn again, as a
        screening visit does. What differs between occasions comes after the screening.
    constraints : tuple of str
        On typical values, e.g. ``("ka > CL/V",)``.
    priors : tuple of NormalPrior or InverseWishart
        What was known before.
    correlations : tuple of ErrorCorrelation
        Between the residual errors of two outputs of one sample (`correlated`).

    Raises
    ------
    InputError
        Listing everything that does not fit together.
    """

    model: Model
    parameters: Parameters
    omega: Omega = field(default_factory=Omega)
    errors: tuple[ResidualError, ...] = ()
    table: pandas.DataFrame | None = None
    covariates: pandas.DataFrame | Callable[[np.random.Generator, int], pandas.DataFrame] | None = None
    relations: Mapping[str, str] = field(default_factory=dict)
    exponents: Mapping[str, str] = field(default_factory=dict)
    scales: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()
    priors: tuple[Prior, ...] = ()
    correlations: tuple[ErrorCorrelation, ...] = ()

    __repr__ = as_text

    def __post_init__(self) -> None:
        if self.omega is None:
            object.__setattr__(self, "omega", Omega())
        if not isinstance(self.omega, Omega):
            raise InputError(f"omega is {shown(self.omega)}; expected Omega, such as {_OMEGA}", "population")
        checked_fields(self, "population")
        for name in ("relations", "exponents", "scales", "limits"):
            object.__setattr__(self, name, dict(getattr(self, name)))
        problems = unknown_names(self.model.parameters.names, self.parameters.names, "parameter")
        problems += relation_problems(self.relations, self.model, self.parameters)
        problems += unknown_names(self.limits, self.model.parameters.names, "parameter with limits")
        problems += [
            f"limits of {n!r} are {low} to {high}; expected lower < upper"
            for n, (low, high) in self.limits.items()
            if not low < high
        ]
        for constraint in self.inequalities:
            problems += unknown_names(constraint.names, self.parameters.names, f"parameter in {constraint.text!r}")
        problems += correlation_problems(self.correlations, tuple(e.output for e in self.errors), self.parameters)
        for prior in self.priors:
            problems += prior.problems(self.parameters, self.omega)
        if problems:
            raise InputError(problems, "population")
        self._check_texts()

    def _check_texts(self) -> None:
        texts = self.texts  # says what is wrong with exponents and scales
        problems = [f"{n!r} has limits but is the same in everybody" for n in self.limits if n not in texts]
        if self.relations and self.covariates is not None and not callable(self.covariates):
            covariate_columns(self.covariate_names, self.covariates, self.coefficients)
        if problems:
            raise InputError(problems, "population")

    @property
    def variability(self) -> Omega:
        """The old name of `omega`."""
        warnings.warn("Population.variability is now Population.omega", FutureWarning, stacklevel=2)
        return self.omega

    @cached_property
    def inequalities(self) -> tuple[Constraint, ...]:
        """The constraints, read."""
        return tuple(Constraint(text) for text in self.constraints)

    @cached_property
    def _every_exponent(self) -> dict[str, str]:
        errors = tuple(n for e in self.errors for n in e.names)
        return exponents_of(self.omega, self.exponents, self.model, self.parameters, errors)

    @property
    def _exponents(self) -> dict[str, str]:
        return {n: t for n, t in self._every_exponent.items() if n in self.model.parameters}

    @property
    def error_exponents(self) -> dict[str, str]:
        """Parameter of a residual error → its random effects: the SD is multiplied with exp of them."""
        return {n: t for n, t in self._every_exponent.items() if n not in self.model.parameters}

    @cached_property
    def texts(self) -> dict[str, str]:
        """Text of every parameter that differs between subjects, e.g. ``{"CL": "CL*exp(eta_CL + kappa_CL)"}``."""
        return individual_texts(self.parameters, self._exponents, self.relations, self.scales)

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """Covariates that the relations need."""
        return needed_covariates(self.relations, self.parameters)

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Parameters that stand in relations or exponents and not in the model, in their order."""
        texts = [*self.relations.values(), *self._exponents.values()]
        used = set().union(*(expressions.names(t) for t in texts)) if texts else set()
        return tuple(n for n in self.parameters.names if n in used and n not in self.model.parameters)

    @property
    def by_occasion(self) -> tuple[str, ...]:
        """Parameters that differ between the occasions of a subject."""
        kappas = self.omega.effects("occasion")
        return tuple(n for n, text in self.texts.items() if differs_by_occasion(text, kappas))

    @property
    def varying(self) -> tuple[str, ...]:
        """Parameters that differ between subjects: by a random effect whose variance is not 0, or by a covariate."""
        moving = {n.removesuffix("_1") if n.startswith("kappa_") else n for n, v in zip(
            self.omega.names(), np.diag(self.omega.matrix()), strict=True) if v > 0}  # fmt: skip
        moving |= set(self.covariate_names)
        every = {**self.texts, **self.error_exponents}
        return tuple(n for n, text in every.items() if expressions.names(text) & moving)

    @property
    def broken(self) -> tuple[str, ...]:
        """Constraints that the typical values do not meet."""
        values = self.parameters.as_dict()
        return tuple(c.text for c in self.inequalities if not c.holds(values))

    def prior_density(self) -> PriorDensity:
        """Return −2 log density of all priors at the typical values and Ω, with gradients by their vectors."""
        total = PriorDensity(0.0, np.zeros(len(self.parameters.free)), np.zeros(len(self.omega.free)))
        for prior in self.priors:
            density = prior.density(self.parameters, self.omega)
            gradients = total.parameters + density.parameters, total.omega + density.omega
            total = PriorDensity(total.value + density.value, *gradients)
        return total

    def typical(self) -> Population:
        """Return the population without anything that varies: the typical subject, of median covariates, exact."""
        nothing: Any = {"exponents": {}, "limits": {}, "table": None, "priors": (), "errors": (), "correlations": ()}
        covariates = self.covariates if self.relations else typical_covariates(self.covariates)
        return replace(self, omega=Omega(), covariates=covariates, **nothing)

    @checked
    def individual_model(self, occasions: int = 1) -> Model:
        """Return the model of one subject: its random effects are parameters of value 0, ``occasion_1`` … covariates.

        Parameters
        ----------
        occasions : int
            How many occasions a subject has at most.
        """
        kappas = self.omega.effects("occasion")
        texts = {n: over_occasions(text, kappas, occasions) for n, text in self.texts.items()}
        effects = tuple(
            Parameter(name, 0.0, "", -math.inf, math.inf, meaning=f"random effect {name}")
            for name in self.omega.names(occasions)
        )
        added = Parameters((*self.parameters.subset(self.coefficients).items, *effects))
        marks = tuple(f"occasion_{k}" for k in range(1, occasions + 1)) if kappas else ()
        typical = replace(self.model, parameters=self.parameters.subset(self.model.parameters.names))
        return individual_model(typical, texts, added, (*self.covariate_names, *marks))

    def individual_values(
        self, eta: Array, kappa: Array | None = None, occasion: Integers | None = None,
        covariates: Mapping[str, Any] | None = None,
    ) -> dict[str, Array]:  # fmt: skip
        """Return the parameters of `texts` for random effects and covariates: what the text says, in arrays.

        Parameters
        ----------
        eta : array, shape (..., etas)
            Random effects between subjects, in the order of `Omega.effects`.
        kappa : array, shape (..., kappas) or (..., occasions, kappas), optional
            Random effects of the occasion that holds, or of every occasion where `occasion` says which holds; 0 when
            left out.
        occasion : array of int, shape (...), optional
            Which occasion holds, from 0.
        covariates : mapping, optional
            Covariate → values, shape (...).

        Returns
        -------
        dict
            Parameter → values; shapes follow NumPy's rules of broadcasting.
        """
        eta = np.asarray(eta, dtype=float)
        kappas = self.omega.effects("occasion")
        if kappa is None:
            kappa = np.zeros(len(kappas))
        elif occasion is not None:
            place = np.asarray(occasion)[..., None, None]
            kappa = np.take_along_axis(kappa, np.broadcast_to(place, (*place.shape[:-1], len(kappas))), axis=-2)
            kappa = kappa[..., 0, :]
        values: dict[str, Any] = {**self.parameters.as_dict(), **(covariates or {})}
        values |= {f"eta_{n}": eta[..., k] for k, n in enumerate(self.omega.effects())}
        values |= {f"kappa_{n}": kappa[..., k] for k, n in enumerate(kappas)}
        return {name: evaluate_text(text, values) for name, text in self.texts.items()}

    @checked
    def draw(
        self, subjects: int, rng: np.random.Generator, occasions: int = 1,
        known: Mapping[str, NDArray[Any]] | None = None,
    ) -> dict[str, NDArray[Any]]:  # fmt: skip
        """Return every model parameter and covariate of virtual subjects, one array each.

        Parameters
        ----------
        subjects : int
            How many.
        rng : numpy.random.Generator
            Source of randomness.
        occasions : int
            Occasions of every subject.
        known : mapping, optional
            Covariates of the relations that the subjects bring, shape (subjects,) each, in place of drawn ones.

        Returns
        -------
        dict
            Name → shape (subjects,); a parameter that differs between occasions has shape (subjects, occasions) where
            there are several.

        Raises
        ------
        InputError
            If limits cannot be met, a covariate of a relation is missing, or a covariance is still to be estimated.
        """
        values, people, _ = self._drawn(subjects, rng, occasions, known)
        return values | people

    def draw_rows(self, rows: SubjectRows, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Return every model parameter of virtual subjects whose covariates and occasions are known and may change.

        Parameters
        ----------
        rows : SubjectRows
            The rows of values that the subjects need.
        rng : numpy.random.Generator
            Source of randomness; the draws are those of `draw`.

        Returns
        -------
        dict
            Name → shape (rows,).

        Raises
        ------
        InputError
            As `draw`.
        """
        first = np.searchsorted(rows.subject, np.arange(rows.subjects))
        known = {n: rows.covariates[n][first] for n in self.covariate_names}
        values, _, effects = self._drawn(rows.subjects, rng, rows.occasions, known)
        columns = {n: column[rows.subject] for n, column in values.items() if column.ndim == 1}
        if effects is not None:
            eta, kappa = effects
            covariates = {n: rows.covariates[n] for n in self.covariate_names}
            own = self.individual_values(eta[rows.subject], kappa[rows.subject], rows.occasion, covariates)
            columns |= {n: np.array(np.broadcast_to(v, rows.subject.shape)) for n, v in own.items()}
        return columns

    def _drawn(
        self, subjects: int, rng: np.random.Generator, occasions: int, known: Mapping[str, NDArray[Any]] | None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]], tuple[Array, Array] | None]:
        """Parameters, covariates, and (if any) effects: subjects × etas, subjects × occasions × kappas."""
        if self.omega.unstated:
            names = ", ".join(self.omega.unstated)
            raise InputError(f"the covariance of {names} is to be estimated; state it by omega=… to simulate")
        kappas = self.omega.effects("occasion")
        if between := [n for n, t in self.error_exponents.items() if differs_by_occasion(t, kappas)]:
            what = f"random effects between occasions on residual errors ({', '.join(between)})"
            raise InputError(f"{what} are fitted, but cannot be simulated", "population")
        values: dict[str, NDArray[Any]] = {
            n: np.full(subjects, self.parameters[n]) for n in self.model.parameters.names
        }
        own_people = None
        if self.table is not None:
            rows = rng.integers(len(self.table), size=subjects)
            values |= {str(n): self.table[n].to_numpy(float)[rows] for n in self.table.columns}
            own_people = covariates_beside(self.covariates, self.table, rows)
        related = bool(self.relations) and known is None and own_people is None
        people = self._people(subjects, rng) if related else {**(own_people or {}), **(known or {})}
        effects = None
        if self.texts or self.error_exponents:
            own, eta = self._screened(people, subjects, rng, related)
            kappa = self.omega.draw_occasions(rng, subjects, occasions)
            if moved := self.by_occasion:
                columns = {n: people[n][:, None] for n in self.covariate_names}
                late = self.individual_values(eta[:, None, :], kappa, covariates=columns)
                own |= {n: late[n][:, 0] if occasions == 1 else late[n] for n in moved}
            values |= own | own_errors(self.error_exponents, self.parameters, self.omega, eta)
            effects = eta, kappa
        if own_people is None and not related:
            people |= self._people(subjects, rng)
        return values, people, effects

    def _screened(
        self, people: dict[str, NDArray[Any]], subjects: int, rng: np.random.Generator, related: bool
    ) -> tuple[dict[str, Array], Array]:
        """Draw random effects, again for those outside the limits (with their covariates, if these are drawn)."""
        eta = self.omega.draw(rng, subjects)
        values = self._rows(eta, people)
        for _ in range(_MOST_REDRAWS):
            outside = np.flatnonzero(self._outside(values, subjects))
            if not outside.size:
                return values, eta
            eta[outside] = self.omega.draw(rng, outside.size)
            if related:
                for name, column in self._people(outside.size, rng).items():
                    people[name][outside] = column
            again = self._rows(eta[outside], {n: c[outside] for n, c in people.items()})
            for name, column in again.items():
                values[name][outside] = column
        raise InputError(f"limits {self.limits} exclude practically every subject", "population")

    def _rows(self, eta: Array, people: Mapping[str, NDArray[Any]]) -> dict[str, Array]:
        if missing := [n for n in self.covariate_names if n not in people]:
            raise InputError([f"covariate {n!r} has no value; {nearest(n, people)}" for n in missing], "population")
        values = self.individual_values(eta, covariates={n: people[n] for n in self.covariate_names})
        return {n: np.array(np.broadcast_to(column, len(eta))) for n, column in values.items()}

    def _outside(self, values: Mapping[str, Array], subjects: int) -> NDArray[np.bool_]:
        out = [(values[n] < low) | (values[n] > high) for n, (low, high) in self.limits.items()]
        return np.any([np.zeros(subjects, dtype=bool), *out], axis=0)  # type: ignore[no-any-return]

    def _people(self, subjects: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Covariates of drawn subjects; those of relations are checked to be numbers."""
        return drawn_covariates(self.covariates, subjects, rng, self.covariate_names, self.coefficients)

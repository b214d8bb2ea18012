"""The result of a fit: estimates with their uncertainty, and a status that is honest."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from pkpd.arrays import Array
from pkpd.errors import InputError, nearest
from pkpd.files import Saved
from pkpd.fit.datasets import correlation_table, fit_dataset, fits_dataset
from pkpd.fit.subject_covariates import joined
from pkpd.fit.verdict import CONVERGED
from pkpd.model import Model
from pkpd.model.dimensions import inferred_units
from pkpd.parameters import Parameters, Scale
from pkpd.population import Omega, Population, ResidualError, block
from pkpd.population.cholesky import loadings

if TYPE_CHECKING:
    import pandas
    import xarray


@dataclass(frozen=True, eq=False)
class Fit(Saved):
    """Estimates of one fit (of one subject, or of pooled data).

    Attributes
    ----------
    model : Model
        The model, in the units of the fit.
    parameters : Parameters
        Estimates and fixed values, residual errors included.
    errors : tuple of ResidualError
        Residual error of each observed output.
    covariance : array, shape (free, free)
        Of the free parameters on their transformed scales (log where positive), in the order of ``parameters.free``;
        `correlation` is by name.
    objective, minus2ll : float
        −2 log L without and with N·log 2π; NaN where the likelihood has no maximum (status ``"unbounded"``) or cannot
        be computed (``"failed"``).
    observations, censored, subjects, evaluations : int
        Counts.
    degrees : float
        Degrees of freedom of the intervals.
    status, message : str
        ``"converged"`` or what else, and why.
    condition_number : float
        Of the correlation matrix of the estimates.
    covariance_kind : str
        ``"from the Hessian"`` or ``"robust (clustered by subject)"``.
    given : DataFrame or None
        Parameters that were given per subject, one row per subject.
    predictions : DataFrame
        subject, output, time, value, censor, fitted, sd, residual (weighted; NaN for censored rows), unit (of value,
        fitted and sd: that of the model's output).
    notes : tuple of str
        What was left out of the fit.
    attrs : mapping
        Provenance of the study: ``source``, ``synthetic`` and the like.
    cautions : tuple of str
        What a converged fit does not know well; they stand in the message, too.
    covariates : DataFrame or None
        Of the subjects, one row each, with units in ``attrs["units"]``; of one that changes in time the first value.
    """

    model: Model
    parameters: Parameters
    errors: tuple[ResidualError, ...]
    covariance: Array
    objective: float
    minus2ll: float
    observations: int
    censored: int
    subjects: int
    evaluations: int
    degrees: float
    status: str
    message: str
    condition_number: float
    covariance_kind: str
    predictions: pandas.DataFrame
    given: pandas.DataFrame | None = None
    notes: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()
    covariates: pandas.DataFrame | None = None

    @property
    def converged(self) -> bool:
        """Whether the status is ``"converged"``."""
        return self.status == CONVERGED

    @property
    def aic(self) -> float:
        """Akaike's criterion, −2 log L + 2p."""
        return self.minus2ll + 2 * len(self.parameters.free)

    @property
    def bic(self) -> float:
        """Schwarz's criterion, −2 log L + p·log N."""
        return self.minus2ll + len(self.parameters.free) * math.log(max(self.observations, 1))

    @property
    def values(self) -> dict[str, float]:
        """Estimates and fixed values by name."""
        return self.parameters.as_dict()

    def population(self) -> Population:
        """Return the population of the fit: its values, residual errors, what was given per subject, covariates."""
        return Population(self.model, self.parameters, Omega(), self.errors, self.given, self.covariates)

    def draws(self, n: int, rng: np.random.Generator) -> tuple[Population, ...]:
        """Return `n` populations whose values differ by the uncertainty of the estimates.

        Estimates are normal on their transformed scales, with the fit's covariance.

        Parameters
        ----------
        n : int
            How many.
        rng : numpy.random.Generator
            Source of randomness.

        Raises
        ------
        InputError
            If the fit has no covariance.
        """
        people = self.population()
        if not self.parameters.free:
            return (people,) * n
        if not np.isfinite(self.covariance).all():
            raise InputError(f"the fit has no covariance of its estimates ({self.status}), so none can be drawn")
        away = rng.standard_normal((n, len(self.parameters.free))) @ loadings(self.covariance).T
        centre = self.parameters.to_vector()
        return tuple(replace(people, parameters=self.parameters.from_vector(centre + step)) for step in away)

    def individual_values(self) -> pandas.DataFrame | None:
        """Return what was given per subject, one row each; None if nothing was."""
        return self.given

    @property
    def correlation(self) -> pandas.DataFrame:
        """Correlations of the free parameters on their transformed scales, by name."""
        return correlation_table(self.parameters.free, self.covariance)

    def standard_errors(self) -> dict[str, float]:
        """Return standard errors on the natural scale (delta method)."""
        sd = np.sqrt(np.diag(self.covariance)) * np.abs(self.parameters.slopes())
        return dict(zip(self.parameters.free, map(float, sd), strict=True))

    def intervals(self, level: float = 0.90) -> dict[str, tuple[float, float]]:
        """Return confidence intervals: symmetric on the transformed scale, with Student's t.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        """
        if not 0 < level < 1:
            raise InputError(f"level is {level}; expected a number between 0 and 1")
        if not self.parameters.free:
            return {}
        sd = np.sqrt(np.diag(self.covariance))
        reach = stdtrit(max(self.degrees, 1.0), 0.5 + level / 2) * sd
        x = self.parameters.to_vector()
        low, high = self.parameters.from_vector(x - reach), self.parameters.from_vector(x + reach)
        return {n: (min(low[n], high[n]), max(low[n], high[n])) for n in self.parameters.free}

    def table(self, level: float = 0.90) -> pandas.DataFrame:
        """Return one row per parameter: estimate, unit (stated or inferred), SE, RSE %, interval, meaning."""
        import pandas

        errors, intervals = self.standard_errors(), self.intervals(level)
        inferred = inferred_units(self.model)
        rows = []
        for p in self.parameters:
            known = self.given is not None and p.name in self.given.columns
            if known and self.subjects > 1:
                continue
            se = errors.get(p.name, math.nan)
            low, high = intervals.get(p.name, (math.nan, math.nan))
            relative = 100 * se / abs(p.value) if p.value else math.nan
            unit = p.unit or inferred.get(p.name, "")
            note = "given" if known else "fixed" if p.fixed else ""
            rows.append((p.name, p.value, unit, se, relative, low, high, note, p.meaning))
        percent = f"{100 * level:g} %"
        columns = [
            "parameter",
            "estimate",
            "unit",
            "SE",
            "RSE %",
            f"{percent} low",
            f"{percent} high",
            "note",
            "meaning",
        ]
        return pandas.DataFrame(rows, columns=columns).set_index("parameter")

    def to_dataset(self, level: float = 0.90) -> xarray.Dataset:
        """Return the fit as a Dataset along ``parameter``: estimate, se, low, high; status, message, minus2ll …

        Datasets of several fits are joined by ``xarray.concat(parts, "fit")``.

        Parameters
        ----------
        level : float
            Of the intervals, between 0 and 1.
        """
        return fit_dataset(self, level)

    def summary(self) -> str:
        """Return the verdict in a line or two of text."""
        lines = [
            f"{self.model.name}: {self.status} — {self.message}",
            f"{self.observations} observations ({self.censored} censored) of {self.subjects} subjects, "
            f"−2 log L {self.minus2ll:.3f}, condition number {self.condition_number:.3g}, SE {self.covariance_kind}",
            *self.notes,
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"{self.summary()}\n{self.table().drop(columns='meaning').to_string(float_format='{:.4g}'.format)}"

    def _repr_html_(self) -> str:
        colour = "inherit" if self.converged else "#b00"
        text = html.escape(self.summary()).replace("\n", "<br>")
        return f"<p style='color:{colour}'>{text}</p>{self.table().to_html(float_format='{:.4g}'.format)}"


@dataclass(frozen=True, eq=False)
class Fits(Saved, Mapping[Any, Fit]):
    """The fits of many subjects, one each; one that failed does not end the others.

    Attributes
    ----------
    fits : dict
        Subject → fit.
    failures : dict
        Subject → why there is no fit at all.
    """

    fits: dict[Any, Fit]
    failures: dict[Any, str]

    def __getitem__(self, subject: Any) -> Fit:
        if subject not in self.fits:
            if subject in self.failures:
                raise InputError(f"subject {subject!r} has no fit: {self.failures[subject]}")
            raise InputError(f"unknown subject {subject!r}; {nearest(str(subject), map(str, self.fits))}")
        return self.fits[subject]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fits)

    def __len__(self) -> int:
        return len(self.fits)

    @property
    def covariates(self) -> pandas.DataFrame | None:
        """Covariates of the subjects that have a fit, one row each, with the units in ``attrs["units"]``."""
        return joined(fit.covariates for fit in self.fits.values())

    def values_table(self) -> pandas.DataFrame:
        """Return the estimates of the model's parameters, one row per subject, with the status."""
        import pandas

        rows = []
        for subject, fit in self.fits.items():
            rows.append(
                {"subject": subject, **fit.parameters.as_dict(), "status": fit.status, "minus2ll": fit.minus2ll}
            )
        rows += [{"subject": s, "status": f"failed: {why}"} for s, why in self.failures.items()]
        return pandas.DataFrame(rows).set_index("subject")

    def to_dataset(self, level: float = 0.90) -> xarray.Dataset:
        """Return all fits as a Dataset, ``subject`` × ``parameter``: estimate, se, low, high.

        Along ``subject``: status, message, minus2ll …, and the covariates as coordinates. A subject without a fit has
        NaN and says why. Several studies are joined by ``xarray.concat(parts, "subject")``.

        Parameters
        ----------
        level : float
            Of the intervals, between 0 and 1.
        """
        return fits_dataset(self.fits, self.failures, level)

    def summary(self) -> str:
        """Return how many fits converged, and the others by status, in a line of text each."""
        lines = [f"{len(self.fits)} individual fits, {len(self.usable())} converged, {len(self.failures)} failed"]
        for status in sorted({f.status for f in self.fits.values() if not f.converged}):
            lines.append(f"{status}: {', '.join(str(s) for s, f in self.fits.items() if f.status == status)}")
        doubtful = [str(s) for s, f in self.fits.items() if f.cautions]
        lines += [f"converged with a caution: {', '.join(doubtful)}"] if doubtful else []
        lines += [f"no fit of {s}: {why}" for s, why in self.failures.items()]
        return "\n".join(lines)

    def usable(self) -> dict[Any, Fit]:
        """Return the fits whose estimates can be carried on: those that converged."""
        return {s: f for s, f in self.fits.items() if f.converged}

    def typical(self) -> Parameters:
        """Return the means of the converged fits as parameters, each taken on the parameter's scale of estimation.

        That is the geometric mean of a positive parameter, the arithmetic one of a parameter without bounds. Fixed
        parameters that differ between subjects (observed baselines) are averaged too.

        Raises
        ------
        InputError
            If no fit converged.
        """
        fits = list(self.usable().values())
        if not fits:
            raise InputError("no subject's fit converged, so there is no typical subject")
        first = fits[0].parameters
        values = np.array([f.parameters.values for f in fits])
        scale = Scale([p.lower for p in first], [p.upper for p in first])
        means = scale.back(np.ascontiguousarray(scale.to(values).T).mean(axis=1)).tolist()
        moves = (values != values[0]).any(axis=0) | np.array([not p.fixed for p in first])
        return first.with_values({n: m for n, m, moving in zip(first.names, means, moves, strict=True) if moving})

    def variability(self) -> Omega:
        """Return the empirical covariance between subjects, each parameter on its scale of estimation.

        That is the scale of its random effect, too. The error of estimation is included.

        Raises
        ------
        InputError
            If fewer than two fits converged.
        """
        fits = list(self.usable().values())
        if len(fits) < 2:
            raise InputError("variability between subjects needs at least two converged fits")
        first = fits[0].parameters
        free = first.subset([n for n in first.free if n in fits[0].model.parameters])
        x = free.scale.to(np.array([f.parameters.subset(free.names).values for f in fits]))
        return block(*free.names, omega=np.cov(x, rowvar=False).reshape(len(free), -1))

    def population(self) -> Population:
        """Return the population of the fits: typical values, empirical covariance, residual errors, covariates.

        Virtual subjects take whole rows of the covariates of those whose fit converged.
        """
        first = next(iter(self.values()))
        covariates = joined(f.covariates for f in self.usable().values())
        return Population(first.model, self.typical(), self.variability(), first.errors, covariates=covariates)

    def draws(self, n: int, rng: np.random.Generator) -> tuple[Population, ...]:
        """Return `n` populations whose typical values differ by their uncertainty.

        The means of the transformed estimates are normal, with the covariance between subjects divided by their
        number; the covariance itself is not drawn.
        """
        people = self.population()
        names = people.omega.effects()
        centre = people.parameters.subset(names)
        root = loadings(people.omega.matrix() / len(self.usable()))
        steps = rng.standard_normal((n, len(names))) @ root.T
        moved = (centre.from_vector(centre.to_vector() + step).as_dict() for step in steps)
        return tuple(replace(people, parameters=people.parameters.with_values(values)) for values in moved)

    def individual_values(self) -> pandas.DataFrame:
        """Return the estimates of every subject whose fit converged, one row each."""
        import pandas

        rows = {subject: fit.parameters.as_dict() for subject, fit in self.usable().items()}
        table = pandas.DataFrame.from_dict(rows, orient="index")
        table.index.name = "subject"
        return table

    def __repr__(self) -> str:
        good = len(self.usable())
        return (
            f"<{len(self.fits)} individual fits, {good} converged, {len(self.failures)} failed>\n{self.values_table()}"
        )

    def _repr_html_(self) -> str:
        good = len(self.usable())
        head = f"{len(self.fits)} individual fits, {good} converged, {len(self.failures)} failed"
        return f"<p>{head}</p>{self.values_table().to_html(float_format='{:.4g}'.format)}"

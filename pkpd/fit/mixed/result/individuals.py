r"""What a fit knows of every subject: random effects and their uncertainty, individual parameters, shrinkage.

The random effects are conditional modes; their covariance is :math:`H^{-1}`, H being half of the curvature of −2 log
density that the fit's method takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.fit.mixed.marginal.laplacian import FO, FOCE, FOCEI, Marginal
from pkpd.fit.mixed.modes.modes import FOUND, UNSOLVED, WORDS, Modes
from pkpd.fit.mixed.problem.problem import Point, Problem
from pkpd.population import Population

if TYPE_CHECKING:
    import pandas
    import xarray

FAILED_MODE = {code: text or "found" for code, text in WORDS.items()}
"""Status of a mode → what the Dataset says."""


def mode_covariance(problem: Problem, point: Point, modes: Modes, method: str) -> Array:
    """Return H⁻¹ of every subject, shape (subjects, effects, effects); NaN where H is not positive definite."""
    effects = problem.shifts.effects @ point.root
    curved = modes.at.expected if method in (FO, FOCE, FOCEI) else 0.5 * modes.at.exact
    half = effects.T @ curved @ effects + np.eye(effects.shape[1])  # by L⁻¹η, which a variance of 0 does not trouble
    result = np.full(half.shape, np.nan)
    good = np.isfinite(half).all(axis=(1, 2)) & (modes.status != UNSOLVED)
    if half.shape[1] and good.any():
        good[good] = np.linalg.eigvalsh(half[good])[:, 0] > 0
        result[good] = point.root @ np.linalg.inv(half[good]) @ point.root.T
    return result


def individuals_of(problem: Problem, there: Marginal, method: str) -> xarray.Dataset:
    """Return what a fit knows of every subject.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    there : Marginal
        At the estimates.
    method : str
        Whose curvature gives the uncertainty.

    Returns
    -------
    xarray.Dataset
        ``eta`` and ``eta_se`` (subject, effect); ``kappa`` and ``kappa_se`` (subject, occasion, kappa_of) where
        occasions differ, NaN where a subject did not have the occasion; ``covariance`` (subject, random_effect, other)
        of all that have a variance; every parameter of the model by its name, (subject) or (subject, occasion), at the
        first record of the subject (of its occasion) where a covariate changes, and ``<name>_subject`` without
        occasions (κ = 0); ``objective``, ``observations``, ``status``.
    """
    import xarray

    point, modes, data = there.point, there.modes, problem.data
    population = problem.population_at(point.vector)
    covariance = mode_covariance(problem, point, modes, method)
    with np.errstate(invalid="ignore"):
        error = np.sqrt(np.einsum("ikk->ik", covariance))
    lost = modes.status == UNSOLVED
    active = np.where(lost[:, None], np.nan, modes.eta)
    eta, kappa = split(problem, active, 0.0)
    eta_se, kappa_se = split(problem, error, 0.0)
    had = occasions_had(problem)
    subjects = np.array(data.subjects, dtype=object)
    variables: dict[str, Any] = {
        "eta": (("subject", "effect"), eta, {"long_name": "random effects between subjects (conditional modes)"}),
        "eta_se": (("subject", "effect"), eta_se, {"long_name": "SD of the conditional distribution"}),
    }
    coordinates: dict[str, Any] = {
        "subject": plain_names(subjects), "effect": list(population.omega.effects()),
        "random_effect": list(problem.effects), "other": list(problem.effects),
    }  # fmt: skip
    if kappas := population.omega.effects("occasion"):
        dims = ("subject", "occasion", "kappa_of")
        coordinates |= {"occasion": list(data.occasions) or ["1"], "kappa_of": list(kappas)}
        for name, values in (("kappa", kappa), ("kappa_se", kappa_se)):
            variables[name] = (dims, np.where(had[:, :, None], values, np.nan))
        about = {"long_name": "random effects between occasions (conditional modes)"}
        variables["kappa"] = (*variables["kappa"], about)
    variables["covariance"] = (("subject", "random_effect", "other"), covariance)
    variables |= _parameters(problem, population, active, had)
    variables["objective"] = ("subject", np.where(lost, np.nan, there.individual))
    variables["observations"] = ("subject", np.diff(problem.starts))
    variables["status"] = ("subject", np.array([FAILED_MODE[int(s)] for s in modes.status], dtype=object))
    return xarray.Dataset(variables, coordinates)


def plain_names(names: Any) -> Any:
    """Subjects' names as an array of one type, if they are of one."""
    kinds = {type(n) for n in names}
    return np.array(list(names)) if len(kinds) == 1 and kinds <= {int, str, float} else np.array([*map(str, names)])


def split(problem: Problem, active: Array, rest: float) -> tuple[Array, Array]:
    """Return numbers of random effects as η (subjects, etas) and κ (subjects, occasions, kappas).

    Parameters
    ----------
    active : array, shape (subjects, random effects)
        In the order of `Problem.effects`.
    rest : float
        What stands for those without a variance.
    """
    omega, occasions = problem.population.omega, problem.occasions
    etas, kappas = len(omega.effects()), len(omega.effects("occasion"))
    whole = np.full((len(active), etas + occasions * kappas), rest)
    whole[:, problem.shifts.active] = active
    return whole[:, :etas], whole[:, etas:].reshape(len(active), occasions, kappas)


def occasions_had(problem: Problem) -> Flags:
    """Return which occasions each subject had, shape (subjects, occasions)."""
    had = np.zeros((problem.subjects, problem.occasions), dtype=bool)
    marks = _marks(problem)
    if marks is None:
        return ~had
    owner = problem.data.value_subject
    for k in range(problem.occasions):
        had[owner[marks[:, k] > 0], k] = True
    return had


def _marks(problem: Problem) -> Array | None:
    """0 and 1 of every value row and occasion; None where occasions do not count."""
    names = list(problem.data.model.covariates)
    columns = [names.index(n) for n in (f"occasion_{k}" for k in range(1, problem.occasions + 1)) if n in names]
    return problem.data.covariates[:, columns] if columns else None


def _first_rows(problem: Problem) -> Integers:
    """Return the value row at which parameters are reported, shape (subjects, occasions); by default the first."""
    owner = problem.data.value_subject
    first = np.searchsorted(owner, np.arange(problem.subjects))
    rows = np.repeat(first[:, None], problem.occasions, axis=1)
    marks = _marks(problem)
    if marks is not None:
        for k in range(problem.occasions):
            found = np.flatnonzero(marks[:, k] > 0)[::-1]
            rows[owner[found], k] = found  # the last one written is the first one of the occasion
    return rows


def parameter_values(
    problem: Problem, population: Population, active: Array, occasions: bool = True
) -> dict[str, Array]:
    """Return the parameters that differ between subjects, shape (subjects, occasions) each.

    Parameters
    ----------
    problem : Problem
        With covariates and occasions.
    population : Population
        With the values.
    active : array, shape (subjects, random effects)
        Random effects that have a variance, in the order of `Problem.effects`.
    occasions : bool
        Whether random effects of the occasions count; otherwise κ = 0.
    """
    rows, names = _first_rows(problem), list(problem.data.model.covariates)
    columns = {n: problem.data.covariates[rows, names.index(n)] for n in population.covariate_names}
    eta, kappa = split(problem, active, 0.0)
    own = population.individual_values(eta[:, None, :], kappa if occasions else None, covariates=columns)
    return {n: np.array(np.broadcast_to(values, rows.shape)) for n, values in own.items()}


def _parameters(problem: Problem, population: Population, active: Array, had: Flags) -> dict[str, Any]:
    """Every parameter of the model, per subject or per occasion."""
    own = parameter_values(problem, population, active)
    whole = parameter_values(problem, population, active, occasions=False)
    by_occasion = set(population.by_occasion)
    found: dict[str, Any] = {}
    for p in population.parameters.subset(population.model.parameters.names):
        about = {"units": p.unit, "long_name": p.meaning or p.name}
        if p.name in problem.given:
            found[p.name] = ("subject", np.array(problem.given[p.name]), {**about, "given": "by subject"})
        elif p.name not in own:
            found[p.name] = ("subject", np.full(problem.subjects, p.value), about)
        elif p.name in by_occasion:
            found[p.name] = (("subject", "occasion"), np.where(had, own[p.name], np.nan), about)
            about = {**about, "long_name": f"{about['long_name']} without its occasions"}
            found[f"{p.name}_subject"] = ("subject", whole[p.name][:, 0], about)
        else:
            found[p.name] = ("subject", own[p.name][:, 0], about)
    return found


def shrinkage(individuals: xarray.Dataset, population: Population) -> pandas.DataFrame:
    r"""Return mean, its p value and shrinkage of every random effect.

    The shrinkage is :math:`1 - \sqrt{\overline{\eta^2}}/\omega`, not centred at the mean of η and over all subjects, as
    NONMEM prints it; beside it stands the variance form :math:`1 - \overline{\eta^2}/\omega^2`.

    Parameters
    ----------
    individuals : Dataset
        As `individuals_of` returns it.
    population : Population
        At the estimates.

    Returns
    -------
    DataFrame
        One row per random effect that has a variance (κ over all occasions that subjects had): ``mean`` (ETABAR),
        ``SE``, ``p`` (two-sided, Student's t, that the mean is 0), ``omega`` (SD), ``shrinkage SD %``, ``shrinkage
        variance %``, ``n``.

    References
    ----------
    Savic RM, Karlsson MO. Importance of shrinkage in empirical Bayes estimates for diagnostics. AAPS J 2009;11:558-569.
    """
    import pandas
    from scipy.special import stdtr

    omega = population.omega
    variances = dict(zip(omega.names(), np.diag(omega.matrix()), strict=True))
    rows = []
    columns = [(f"eta_{n}", variances[f"eta_{n}"], individuals["eta"].sel(effect=n)) for n in omega.effects()]
    for n in omega.effects("occasion"):
        columns.append((f"kappa_{n}", variances[f"kappa_{n}_1"], individuals["kappa"].sel(kappa_of=n)))
    for name, variance, values in columns:
        if not variance > 0:
            continue
        known = values.to_numpy().ravel()
        known = known[np.isfinite(known)]
        n = known.size
        mean = float(known.mean()) if n else np.nan
        error = float(known.std(ddof=1)) / np.sqrt(n) if n > 1 else np.nan
        p = 2 * float(stdtr(n - 1, -abs(mean / error))) if n > 1 and error > 0 else np.nan
        square = float((known**2).mean()) / variance if n else np.nan
        rows.append((name, mean, error, p, np.sqrt(variance), 100 * (1 - np.sqrt(square)), 100 * (1 - square), n))
    titles = ["random effect", "mean", "SE", "p", "omega", "shrinkage SD %", "shrinkage variance %", "n"]
    return pandas.DataFrame(rows, columns=titles).set_index("random effect")


def residual_shrinkage(predictions: pandas.DataFrame) -> pandas.DataFrame:
    r"""Return the ε-shrinkage :math:`1 - \sqrt{\overline{IWRES^2}}` of every output, and its variance form.

    Parameters
    ----------
    predictions : DataFrame
        As `pkpd.fit.mixed.result.residuals.residuals` returns it; censored rows do not count.
    """
    import pandas

    rows = []
    for output, own in predictions.groupby("output", sort=False)["IWRES"]:
        known = own[np.isfinite(own)]
        square = float((known**2).mean()) if len(known) else np.nan
        rows.append((output, 100 * (1 - np.sqrt(square)), 100 * (1 - square), len(known)))
    titles = ["output", "shrinkage SD %", "shrinkage variance %", "n"]
    return pandas.DataFrame(rows, columns=titles).set_index("output")


def failed(modes: Modes) -> Flags:
    """Return which subjects have no good mode, shape (subjects,)."""
    mask: Flags = modes.status != FOUND
    return mask

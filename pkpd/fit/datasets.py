"""Estimates as labelled arrays: tables by name, and Datasets that `xarray.concat` joins over subjects and studies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pkpd.about import package_version
from pkpd.arrays import Array
from pkpd.fit.subject_covariates import BESIDE, units_of
from pkpd.model import Model
from pkpd.model.dimensions import inferred_units
from pkpd.parameters import Parameters

if TYPE_CHECKING:
    import pandas
    import xarray

NUMBERS = ("estimate", "se", "low", "high")
"""What stands of every parameter."""
_SIZES = ("minus2ll", "objective", "aic", "bic", "observations", "censored")
_WORDS = {
    "estimate": "estimate", "se": "standard error", "low": "lower end of the interval",
    "high": "upper end of the interval", "minus2ll": "-2 log L", "objective": "-2 log L without N log 2π",
    "aic": "Akaike's criterion", "bic": "Schwarz's criterion", "observations": "observations that count",
    "censored": "of these, beyond a limit",
}  # fmt: skip


class Estimated(Protocol):
    """A fit without random effects, as its Dataset sees it; what each part is stands in `pkpd.fit.Fit`."""

    @property
    def model(self) -> Model: ...
    @property
    def parameters(self) -> Parameters: ...
    @property
    def given(self) -> pandas.DataFrame | None: ...
    @property
    def covariates(self) -> pandas.DataFrame | None: ...
    @property
    def attrs(self) -> Mapping[str, Any]: ...
    @property
    def status(self) -> str: ...
    @property
    def message(self) -> str: ...
    def standard_errors(self) -> dict[str, float]:
        """By name."""

    def intervals(self, level: float = 0.90) -> dict[str, tuple[float, float]]:
        """By name."""


def correlation_table(names: Sequence[str], covariance: Array) -> pandas.DataFrame:
    """Return the correlations of estimates by their names, from their covariance; NaN where there is none.

    Parameters
    ----------
    names : sequence of str
        Of the estimates.
    covariance : array, shape (names, names)
        On the scale of estimation.
    """
    import pandas

    sd = np.sqrt(np.diag(covariance))
    with np.errstate(all="ignore"):
        return pandas.DataFrame(covariance / np.outer(sd, sd), index=list(names), columns=list(names))


def fit_dataset(fit: Estimated, level: float) -> xarray.Dataset:
    """Return the estimates of one fit along ``parameter``; how it went stands beside them.

    Parameters
    ----------
    fit : Estimated
        Of one subject, or of pooled data.
    level : float
        Of the intervals, between 0 and 1.
    """
    import xarray

    inside = [p for p in fit.parameters if not _by_subject(fit, p.name)]
    errors, ends, told = fit.standard_errors(), fit.intervals(level), inferred_units(fit.model)
    nothing = (math.nan, math.nan)
    rows = [(p.value, errors.get(p.name, math.nan), *ends.get(p.name, nothing)) for p in inside]
    numbers = np.array(rows, dtype=float).reshape(len(inside), len(NUMBERS)).T
    data: dict[str, Any] = {
        n: ("parameter", own, {"long_name": _WORDS[n]}) for n, own in zip(NUMBERS, numbers, strict=True)
    }
    data |= {n: ((), getattr(fit, n), {"long_name": _WORDS[n]}) for n in _SIZES}
    data |= {"status": ((), fit.status), "message": ((), fit.message)}
    coords = {
        "parameter": [p.name for p in inside],
        "unit": ("parameter", np.array([p.unit or told.get(p.name, "") for p in inside], dtype=str)),
        "fixed": ("parameter", np.array([p.fixed for p in inside], dtype=bool)),
    }
    return xarray.Dataset(data, coords, _attrs(fit, level))


def fits_dataset(fits: Mapping[Any, Estimated], failures: Mapping[Any, str], level: float) -> xarray.Dataset:
    """Return the estimates of many subjects, ``subject`` × ``parameter``, with their covariates as coordinates.

    A subject without a fit has NaN, the status ``"failed"`` and the reason as its message.

    Parameters
    ----------
    fits : mapping
        Subject → fit.
    failures : mapping
        Subject → why there is none.
    level : float
        Of the intervals.
    """
    import xarray

    parts = [fit_dataset(fit, level) for fit in fits.values()]
    first = parts[0]
    names = dict.fromkeys(str(n) for part in parts for n in part["parameter"].to_numpy())
    parts = [part.reindex(parameter=list(names)) for part in parts]
    lost = len(failures)
    data: dict[str, Any] = {}
    for name in NUMBERS:
        values = np.stack([part[name].to_numpy() for part in parts])
        values = np.concatenate([values, np.full((lost, len(names)), np.nan)])
        data[name] = (("subject", "parameter"), values, first[name].attrs)
    for name in _SIZES:
        counted = name in ("observations", "censored")
        values = np.array([*(part[name].item() for part in parts), *([0 if counted else math.nan] * lost)])
        data[name] = ("subject", values, first[name].attrs)
    data["status"] = ("subject", np.array([*(f.status for f in fits.values()), *(["failed"] * lost)], dtype=str))
    data["message"] = ("subject", np.array([*(f.message for f in fits.values()), *failures.values()], dtype=str))
    told = {p.name: p.unit or inferred_units(f.model).get(p.name, "") for f in fits.values() for p in f.parameters}
    coords: dict[str, Any] = {
        "subject": _plain_names([*fits, *failures]),
        "parameter": list(names),
        "unit": ("parameter", np.array([told[n] for n in names], dtype=str)),
    }
    made = xarray.Dataset(data, coords, {**first.attrs, "title": "individual fits"})
    return made.assign_coords(_covariates(fits, lost, {*data, *coords}))


def _covariates(fits: Mapping[Any, Estimated], lost: int, taken: set[str]) -> dict[str, Any]:
    """Covariates as coordinates of subjects; missing ones are NaN or empty."""
    own = [fit.covariates for fit in fits.values() if fit.covariates is not None]
    names = dict.fromkeys(str(n) for table in own for n in table.columns)
    units = {name: unit for table in own for name, unit in units_of(table).items()}
    found = {}
    for name in names:
        column = [None if f.covariates is None else f.covariates[name].iloc[0] for f in fits.values()] + [None] * lost
        text = any(isinstance(value, str) for value in column)
        values = [(value if isinstance(value, str) else "") if text else value for value in column]
        array = np.array(values, dtype=str) if text else np.array([np.nan if v is None else v for v in values])
        about = {"covariate": name, "units": units[name]} if name in units else {"covariate": name}
        found[f"{name}{BESIDE}" if name in taken else name] = ("subject", array, about)
    return found


def _by_subject(fit: Estimated, name: str) -> bool:
    """Whether a parameter was given, another value to each subject: then there is no one value of it."""
    return fit.given is not None and len(fit.given) > 1 and name in fit.given.columns


def _attrs(fit: Estimated, level: float) -> dict[str, Any]:
    about = {n: v for n, v in fit.attrs.items() if isinstance(v, str | int | float | bool)}
    return {
        **about, "title": f"fit of {fit.model.name}", "model": fit.model.name, "level": level,
        "pkpd_version": package_version(),
    }  # fmt: skip


def _plain_names(names: Sequence[Any]) -> Any:
    """Subjects' names as an array of one type, if they are of one."""
    kinds = {type(n) for n in names}
    return np.array(list(names)) if len(kinds) == 1 else np.array([*map(str, names)])

"""The estimates of a population fit as a labelled Dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.about import package_version
from pkpd.fit.datasets import NUMBERS
from pkpd.fit.mixed.result.reported import Reported
from pkpd.fit.mixed.result.tables import quantities, require_level

if TYPE_CHECKING:
    import xarray


def population_dataset(fit: Reported, level: float) -> xarray.Dataset:
    """Return everything that a fit reports along ``parameter``: typical values, Ω, residual errors, secondary ones.

    Parameters
    ----------
    fit : Reported
        What to lay out.
    level : float
        Of the intervals, between 0 and 1.
    """
    import xarray

    require_level(level)
    every = quantities(fit)
    rows = [(q.value, q.standard_error(fit.covariance), *q.interval(fit.covariance, level)) for q in every]
    numbers = np.array(rows, dtype=float).reshape(len(every), len(NUMBERS)).T
    data: dict[str, Any] = {n: ("parameter", own) for n, own in zip(NUMBERS, numbers, strict=True)}
    data |= {n: getattr(fit, n) for n in ("minus2ll", "objective", "aic", "bic", "bicc")}
    data |= {"observations": fit.counts.observations, "censored": fit.counts.censored, "subjects": fit.counts.subjects}
    data |= {"status": fit.status, "message": fit.message}
    coords = {
        "parameter": [q.name for q in every],
        "unit": ("parameter", np.array([q.unit for q in every], dtype=str)),
        "kind": ("parameter", np.array([q.kind for q in every], dtype=str)),
        "fixed": ("parameter", np.array([q.fixed for q in every], dtype=bool)),
    }
    about = {n: v for n, v in fit.attrs.items() if isinstance(v, str | int | float | bool)}
    return xarray.Dataset(data, coords, {
        **about, "title": f"population fit of {fit.people.model.name}", "model": fit.people.model.name,
        "method": fit.method, "covariance": fit.covariance_kind, "level": level, "data_hash": fit.data_hash,
        "pkpd_version": package_version(),
    })  # fmt: skip

"""Covariances between times from the subjects that two times share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.nca.sparse.curve import MeanCurve


class MeanCovariance(NamedTuple):
    """Covariances of every replicate, for the means (first J columns) and the means of logarithms (last J).

    Attributes
    ----------
    covariance : (B, 2J, 2J)
        Between the values of one subject at two times.
    of_means : (B, 2J, 2J)
        Between two means.
    shared : (B, 2J, 2J)
        Subjects seen at both times.
    denominator : (B, 2J, 2J)
        What the sum of products was divided by.
    known : (B, 2J) of bool
        Times with two values or more, so that there is a variance.
    log_mean : (B, J)
        Means of the logarithms; NaN where a value is not positive.
    """

    covariance: Array
    of_means: Array
    shared: Array
    denominator: Array
    known: Flags
    log_mean: Array


def covariance_of_means(values: Array, curve: MeanCurve, bounded: bool) -> MeanCovariance:
    """Return the covariances.

    With n_j subjects at time j and n_jk at both j and k, the covariance of a subject's values is
    ``s_jk = Σ (y_ij − ȳ_j)(y_ik − ȳ_k) / [(n_jk − 1) + (1 − n_jk/n_j)(1 − n_jk/n_k)]``, the sum over the subjects seen
    at both; the denominator makes it unbiased. The covariance of two means is ``n_jk·s_jk/(n_j·n_k)``. The variance
    at one time is the usual one, with n_j − 1.

    Parameters
    ----------
    values : (B, S, J)
        The samples, NaN where there is none.
    curve : MeanCurve
        Their means.
    bounded : bool
        Bring a covariance beyond ``±s_j·s_k`` back to it.

    References
    ----------
    Nedelman & Jia, J Biopharm Stat 8:317-328 (1998); Holder, J Biopharm Stat 11:75-79 (2001).
    """
    present = ~np.isnan(values)
    count = np.maximum(curve.n, 1.0)
    deviation = _deviation(np.where(present, values, 0.0), curve.observed, present)
    loggable = present & (values > 0)
    logs = np.log(np.where(loggable, values, 1.0))
    complete = (loggable.sum(axis=1) == curve.n) & (curve.n > 0)
    log_mean = np.where(complete, logs.sum(axis=1) / count, np.nan)
    log_deviation = _deviation(logs, np.nan_to_num(log_mean), loggable & complete[:, None, :])
    both = np.concatenate([deviation, log_deviation], axis=2)
    seen = present.astype(np.float64)
    shared = np.tile(np.swapaxes(seen, 1, 2) @ seen, (1, 2, 2))
    n = np.tile(count, (1, 2))
    denominator = (shared - 1.0) + (1.0 - shared / n[:, :, None]) * (1.0 - shared / n[:, None, :])
    some = (shared > 0) & (denominator > 0)
    covariance = np.where(some, np.swapaxes(both, 1, 2) @ both / np.where(some, denominator, 1.0), 0.0)
    if bounded:
        deviations = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        limit = deviations[:, :, None] * deviations[:, None, :]
        # The diagonal is its own limit but for rounding.
        beyond = (np.abs(covariance) > limit) & ~np.eye(covariance.shape[1], dtype=bool)
        covariance = np.where(beyond, np.sign(covariance) * limit, covariance)
    of_means = covariance * shared / (n[:, :, None] * n[:, None, :])
    known = np.tile(curve.n >= 2, (1, 2))
    return MeanCovariance(covariance, of_means, shared, denominator, known, log_mean)


def _deviation(values: Array, mean: Array, used: Flags) -> Array:
    """Deviations from the mean; equal values deviate by rounding only, which is no variance."""
    found = np.where(used, values - mean[:, None, :], 0.0)
    rounding = 8.0 * np.finfo(np.float64).eps * np.abs(mean)[:, None, :]
    return np.where(np.abs(found) <= rounding, 0.0, found)


def variance(gradient: Array, found: MeanCovariance) -> Array:
    """Return the variances (B, P) of parameters with these gradients (B, P, 2J) in the means.

    ``var = gᵀVg`` (delta method; exact for areas, which are linear in the means). NaN where a mean of a single value
    takes part.
    """
    total = np.einsum("bpj,bjk,bpk->bp", gradient, found.of_means, gradient)
    single = ((gradient != 0) & ~found.known[:, None, :]).any(axis=2)
    return np.where(single, np.nan, total)

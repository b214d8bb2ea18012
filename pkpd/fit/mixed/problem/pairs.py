r"""Pairs of rows whose residual errors are correlated: two outputs that were measured in one sample.

With :math:`z = (h(y) - h(f))/g` of the two rows and :math:`\kappa = 1/(1-\rho^2)`, the density of the pair is that of
two independent rows and

.. math:: c = \kappa\,[\rho^2(z_1^2 + z_2^2) - 2\rho z_1z_2] + \log(1 - \rho^2)

more in −2 log. Half of the curvature that FOCE with interaction takes is the information of a normal vector whose mean
and covariance both depend on the predictions, :math:`m_f^T\Sigma^{-1}m_f +
\tfrac12\mathrm{tr}(\Sigma^{-1}\Sigma_f\Sigma^{-1}\Sigma_f)`:

.. math:: w_{11} = \kappa m_1'^2/g_1^2 + \kappa(2 - \rho^2)\,g_1'^2/g_1^2, \qquad
          w_{12} = -\rho\kappa\,m_1'm_2'/(g_1g_2) - \rho^2\kappa\,g_1'g_2'/(g_1g_2) .
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.errors import InputError
from pkpd.fit.densities import Densities
from pkpd.fit.mixed.problem.terms import Terms
from pkpd.observed import MEASURED, Observed
from pkpd.population import ErrorCorrelation


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows of one record with correlated errors.

    Attributes
    ----------
    first, second : arrays of int, shape (pairs,)
        Their rows; no row stands twice.
    column : array of int, shape (pairs,)
        Place of the correlation among the errors' parameters.
    """

    first: Integers
    second: Integers
    column: Integers


def pairs_of(correlations: tuple[ErrorCorrelation, ...], data: Observed, densities: Densities) -> Pairs:
    """Return the pairs of rows.

    Parameters
    ----------
    correlations : tuple of ErrorCorrelation
        Which outputs go together.
    data : Observed
        Rows; those of one sample have the same `record`.
    densities : Densities
        Its names say where each correlation stands.

    Raises
    ------
    InputError
        Where a record has an output twice, only one of two values is beyond a limit, or there is no pair at all.
    """
    found, problems = [], []
    for each in correlations:
        one, two = (np.flatnonzero(data.of(name)) for name in each.outputs)
        for name, rows in zip(each.outputs, (one, two), strict=True):
            extra = rows.size - np.unique(data.record[rows]).size
            if extra:
                what = f"{extra} samples hold {name} more than once; which pair belongs together?"
                problems.append(f"{each.name}: {what}")
        _, a, b = np.intersect1d(data.record[one], data.record[two], return_indices=True)
        one, two = one[a], two[b]
        if not one.size:
            problems.append(f"{each.name}: no sample holds both {each.outputs[0]} and {each.outputs[1]}")
        exact = (data.kind != MEASURED) | densities.windowed
        if limited := int((exact[one] | exact[two]).sum()):
            problems.append(
                f"{each.name}: {limited} samples have a value beyond a limit; use blq='M1', which leaves it out, or no "
                "correlation"
            )
        found.append((one, two, np.full(one.size, densities.names.index(each.name))))
    if problems:
        raise InputError(problems, "population")
    first, second, column = (np.concatenate(parts).astype(np.int64) for parts in zip(*found, strict=True))
    return Pairs(first, second, column)


@dataclass(frozen=True, eq=False)
class Coupled:
    """Terms of all rows with what their pairs add, and the second derivatives between the rows of a pair.

    Attributes
    ----------
    terms : Terms
        With the part of the pair; its `expected_f` and `expected_p` are those of independent rows.
    cross : array, shape (pairs,)
        d²l/df₁df₂.
    expected : array, shape (pairs,)
        Half of what FOCE with interaction takes for it.
    """

    terms: Terms
    cross: Array
    expected: Array


def coupled(pairs: Pairs, densities: Densities, terms: Terms, f: Array, errors: Array, frozen: bool) -> Coupled:
    """Return the terms of all rows with what their pairs add.

    Parameters
    ----------
    pairs : Pairs
        Which rows.
    densities : Densities
        Rows and errors.
    terms : Terms
        Of independent rows.
    f : array, shape (rows,)
        Predictions.
    errors : array, shape (errors' parameters,)
        Values of the errors' parameters.
    frozen : bool
        Whether the SDs stay as they are when the predictions move (FOCE).
    """
    places = (pairs.first, pairs.second)
    rho = errors[pairs.column]
    with np.errstate(all="ignore"):
        mean, spread = densities.mean_and_sd(f, errors, True)
        assert spread.second is not None
        y, second = densities.limits[0], spread.second
        each = [_standardised(r, y, mean, terms, second, frozen) for r in places]
        z, zf, zff, zp, zfp, mg, gg = zip(*each, strict=True)
        k = 1.0 / ((1.0 - rho) * (1.0 + rho))
        c1 = [2 * k * rho * (rho * z[i] - z[1 - i]) for i in (0, 1)]
        same, other = 2 * k * rho**2, -2 * k * rho
        by_rho = 2 * k * (k * (rho * (z[0] ** 2 + z[1] ** 2) - (1 + rho**2) * z[0] * z[1]) - rho)
        c1_rho = [2 * k * k * (2 * rho * z[i] - (1 + rho**2) * z[1 - i]) for i in (0, 1)]
        value = k * rho * (rho * (z[0] ** 2 + z[1] ** 2) - 2 * z[0] * z[1]) - np.log(k)
        own = {n: getattr(terms, n).copy() for n in ("value", "f", "ff", "p", "fp", "expected")}
        own["value"][places[0]] += value
        own["p"][places[0]] += c1[0][:, None] * zp[0] + c1[1][:, None] * zp[1]
        own["p"][places[0], pairs.column] += by_rho
        for i, rows in enumerate(places):
            own["f"][rows] += c1[i] * zf[i]
            own["ff"][rows] += same * zf[i] ** 2 + c1[i] * zff[i]
            turned = same[:, None] * zp[i] + other[:, None] * zp[1 - i]
            own["fp"][rows] += turned * zf[i][:, None] + c1[i][:, None] * zfp[i]
            own["fp"][rows, pairs.column] += c1_rho[i] * zf[i]
            own["expected"][rows] = 2 * k * (mg[i] ** 2 + (2 - rho**2) * gg[i] ** 2)
        expected = -rho * k * mg[0] * mg[1] - rho**2 * k * gg[0] * gg[1]
    return Coupled(replace(terms, **own), other * zf[0] * zf[1], expected)


def _standardised(
    rows: Integers, y: Array, mean: Array, terms: Terms, second: tuple[Array, Array, Array], frozen: bool
) -> tuple[Array, ...]:
    """Return z, z', z'', dz/dp, dz'/dp, m'/g and g'/g of some rows."""
    per = 1.0 / terms.sd[rows]
    m1, m2 = mean[1, rows] * per, mean[2, rows] * per
    still = np.zeros(rows.size)
    g1, g2 = (still, still) if frozen else (terms.sd_f[rows] * per, second[0][rows] * per)
    gp = terms.sd_p[rows] * per[:, None]
    gfp = np.zeros_like(gp) if frozen else second[1][rows] * per[:, None]
    z = (y[rows] - mean[0, rows]) * per
    zf = -m1 - z * g1
    zff = -m2 + 2 * m1 * g1 + z * (2 * g1 * g1 - g2)
    zfp = m1[:, None] * gp + z[:, None] * (2 * g1[:, None] * gp - gfp)
    return z, zf, zff, -z[:, None] * gp, zfp, m1, g1


def add_pairs(
    pairs: Pairs, subject: Integers, first: Array, weights: tuple[Array, Array], sums: tuple[Array, Array]
) -> None:
    """Add w (f₁'f₂'ᵀ + f₂'f₁'ᵀ) of all pairs to sums of their subjects, in place.

    Shapes: subject (rows,), first (rows, D), each of weights (pairs,), each of sums (subjects, D, D).
    """
    outer = first[pairs.first][:, :, None] * first[pairs.second][:, None, :]
    outer = outer + outer.transpose(0, 2, 1)
    for w, whole in zip(weights, sums, strict=True):
        np.add.at(whole, subject[pairs.first], w[:, None, None] * outer)

"""Satterthwaite degrees of freedom of a variance put together from batches."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.nca.sparse.covariance import MeanCovariance


def freedom(gradient: Array, total: Array, present: Flags, found: MeanCovariance) -> Array:
    """Return the degrees of freedom of every variance; NaN where there are none.

    Subjects that share all the times which carry weight are a batch. With two subjects or more in every batch,
    ``df = (Σ v_b)² / Σ v_b²/(n_b − 1)`` with ``v_b = n_b·a_bᵀ s a_b``, ``a_bj = g_j/n_j`` at the times of the batch
    and s the pooled covariances; Σ v_b is the variance itself. A serial design gives Bailer's Satterthwaite degrees
    of freedom, a complete one n − 1. With a batch of one subject the variance is taken as what it is, a quadratic
    form yᵀAy of all samples, of which ``df = (tr AΣ)² / tr(AΣAΣ)``.

    Parameters
    ----------
    gradient : (P, 2J)
        Derivatives by the means.
    total : (P,)
        The variances.
    present : (S, J) of bool
        Which subject has a value at which time.
    found : MeanCovariance
        Covariances; the first replicate is used.

    References
    ----------
    Satterthwaite, Biometrics Bull 2:110-114 (1946); Nedelman & Jia, J Biopharm Stat 8:317-328 (1998);
    Jaki & Wolfsegger, Stat Med 31:1059-1073 (2012).
    """
    width = present.shape[1]
    result = np.full(len(gradient), np.nan)
    carrying = (gradient[:, :width] != 0) | (gradient[:, width:] != 0)
    for p in np.flatnonzero(np.isfinite(total) & (total > 0)):
        patterns, members = np.unique(present & carrying[p], axis=0, return_counts=True)
        some = patterns.any(axis=1)
        rows, sizes = np.tile(patterns[some], (1, 2)), members[some].astype(np.float64)
        if (sizes >= 2).all():
            share = np.where(rows, gradient[p] / np.tile(np.maximum(present.sum(axis=0), 1), 2), 0.0)
            parts = sizes * np.einsum("bj,jk,bk->b", share, found.covariance[0], share)
            below = float((parts**2 / (sizes - 1.0)).sum())
        else:
            counts = np.tile(present.sum(axis=0), 2).astype(np.float64)
            below = _quadratic(gradient[p], rows, sizes, counts, found)
        if below > 0:
            result[p] = total[p] ** 2 / below
    return result


def _quadratic(gradient: Array, rows: Flags, sizes: Array, n: Array, found: MeanCovariance) -> float:
    """Return tr(AΣAΣ) of the quadratic form that the variance is.

    ``A = B − X``, with B block-diagonal over subjects (B_i the coefficients of the products, at the subject's times)
    and X what taking deviations from the means subtracts, ``X = LR + RᵀLᵀ`` with R summing over subjects; so all
    products are of the size of the times, not of the samples.
    """
    count = np.where(n > 0, n, 1.0)
    there = found.denominator[0] > 0
    coefficient = np.outer(gradient / count, gradient / count) * found.shared[0]
    coefficient = np.where(there, coefficient / np.where(there, found.denominator[0], 1.0), 0.0)
    mask = rows[:, :, None] & rows[:, None, :]
    block = np.where(mask, coefficient, 0.0)
    sigma = np.where(mask, found.covariance[0], 0.0)
    everyone = np.einsum("b,bjk->jk", sizes, block)
    left = block / count - 0.5 * rows[:, :, None] * (everyone / np.outer(count, count))
    first = np.einsum("bij,bji->b", block @ sigma, block @ sigma) @ sizes
    cross = np.einsum("bij,bji->b", sigma @ block @ sigma, left * rows[:, None, :]) @ sizes
    sums = np.einsum("b,bjk->jk", sizes, sigma)
    inner = np.einsum("b,bij,bjk->ik", sizes, sigma, left)
    outer = np.einsum("b,bji,bjk->ik", sizes, left, sigma @ left)
    second = 2.0 * np.trace(inner @ inner) + 2.0 * np.trace(sums @ outer)
    return float(first - 4.0 * cross + second)

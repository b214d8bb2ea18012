r"""What every row adds to the −2 log likelihood of its subject, as a function of its prediction and the errors'
parameters.

With m the mean and g the standard deviation on the error's scale, a measured row adds
:math:`l = (y - m)^2/g^2 + 2\log g`; its expected curvature by the prediction is

.. math:: e = 2 m_f^2/g^2 + 4 g_f^2/g^2,

which is what FOCE with interaction takes for :math:`\partial^2 l/\partial f^2`. A censored row has no such stand-in,
nor has one that is conditioned on a limit (M2, M4): their exact curvature is taken, as Laplace's method does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array
from pkpd.fit.densities import Densities
from pkpd.fit.mixed.problem.kernels import measured_terms
from pkpd.observed import MEASURED


@dataclass(frozen=True, eq=False)
class Terms:
    """−2 log density of all rows and its derivatives.

    Attributes
    ----------
    value, f, ff : arrays, shape (rows,)
        The term with what a change of scale adds, and its derivatives by the prediction.
    p, fp : arrays, shape (rows, errors' parameters)
        Derivatives by the errors' parameters, on their natural scale.
    expected, expected_f : arrays, shape (rows,)
        Expected curvature e of measured rows, and its derivative by the prediction; 0 where censored or conditioned.
    expected_p : array, shape (rows, errors' parameters)
        Its derivatives by the errors' parameters.
    sd : array, shape (rows,)
        On the error's scale.
    sd_f : array, shape (rows,)
        Derivative of the SD by the prediction that it was taken at.
    sd_p : array, shape (rows, errors' parameters)
        Its derivatives by the errors' parameters.
    """

    value: Array
    f: Array
    ff: Array
    p: Array
    fp: Array
    expected: Array
    expected_f: Array
    expected_p: Array
    sd: Array
    sd_f: Array
    sd_p: Array


def terms_of(
    densities: Densities, f: Array, errors: Array, frozen: Array | None = None, spread: Array | None = None
) -> Terms:
    """Return the terms of all rows.

    Parameters
    ----------
    densities : Densities
        Rows and errors.
    f : array, shape (rows,)
        Predictions.
    errors : array, shape (errors' parameters,)
        Values of the errors' parameters.
    frozen : array, shape (rows,), optional
        Predictions at which the standard deviation is taken instead (FOCE without interaction): derivatives by the
        prediction are then those by the mean alone.
    spread : array, shape (rows,), optional
        Log of what the SD is multiplied with.
    """
    rows = densities.rows
    with np.errstate(all="ignore"):
        mean, found = densities.mean_and_sd(f, errors, True)
        if frozen is not None:
            found = densities.mean_and_sd(frozen, errors, True)[1]
        assert found.second is not None
        sd, sf, sp = found.sd, found.f, found.p
        sff, sfp, _ = found.second
        if spread is not None:
            factor = np.exp(spread)
            sd, sf, sp, sff, sfp = sd * factor, sf * factor, sp * factor[:, None], sff * factor, sfp * factor[:, None]
        gf, gff, gfp = (sf, sff, sfp) if frozen is None else (np.zeros_like(sf), np.zeros_like(sff), np.zeros_like(sfp))
        lower = densities.limits[0]
        out, by_p = np.empty((5, f.size)), np.empty((3, f.size, len(errors)))
        measured_terms(lower, mean, sd, gf, gff, sp, gfp, out, by_p)
        c = np.flatnonzero((rows.kind != MEASURED) | densities.windowed)
        if c.size:
            row = densities.row(mean[0, c], sd[c], c)
            steep, bend, s1 = mean[1, c], mean[2, c], gf[c]
            out[0, c], out[1, c] = row.value, row.m * steep + row.g * s1
            out[2, c] = row.mm * steep**2 + 2 * row.mg * steep * s1 + row.gg * s1**2 + row.m * bend + row.g * gff[c]
            out[3:, c] = 0.0
            by_p[0, c] = row.g[:, None] * sp[c]
            by_p[1, c] = (row.mg * steep + row.gg * s1)[:, None] * sp[c] + row.g[:, None] * gfp[c]
            by_p[2, c] = 0.0
            if row.certain.any():
                sure = c[row.certain]
                out[1:, sure], by_p[:, sure] = 0.0, 0.0
        return Terms(out[0] + densities.jacobian, out[1], out[2], by_p[0], by_p[1], out[3], out[4], by_p[2], sd, sf, sp)

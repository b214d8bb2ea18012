"""Parameters that describe the terminal regression; its times count from the dose."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Flags
from pkpd.nca import reasons
from pkpd.nca.kernel.analysis import BlockAnalysis
from pkpd.nca.kernel.columns import Column, first, unless
from pkpd.nca.kernel.prepare import Codes


def terminal_rate_constant(of: BlockAnalysis) -> Column:
    """Return the terminal rate constant."""
    return of.fit.rate, of.fit.code


def half_life(of: BlockAnalysis) -> Column:
    """Return ``ln 2/λz``."""
    return np.log(2.0) / of.fit.rate, of.fit.code


def clast_pred(of: BlockAnalysis) -> Column:
    """Return the regression at Tlast."""
    return of.clast_pred, of.fit.code


def intercept(of: BlockAnalysis) -> Column:
    """Return the regression's ln concentration at time zero."""
    log_clast = of.block.log_c[of.block.last, of.block.columns]
    return log_clast + of.fit.level + of.fit.rate * of.tlast, of.fit.code


def points(of: BlockAnalysis) -> Column:
    """Return the number of points."""
    return of.fit.points, of.fit.code


def start(of: BlockAnalysis) -> Column:
    """Return the first time."""
    return of.fit.start, of.fit.code


def end(of: BlockAnalysis) -> Column:
    """Return the last time."""
    return of.fit.end, of.fit.code


def span(of: BlockAnalysis) -> Column:
    """Return the time span in half-lives."""
    last = np.minimum(of.fit.end, of.tlast) if of.tobit else of.fit.end  # censored points span nothing
    return (last - of.fit.start) / of["half_life"][0], of.fit.code


def r2(of: BlockAnalysis) -> Column:
    """Return R²."""
    return of.fit.r2, of.once(_squares)


def r2_adjusted(of: BlockAnalysis) -> Column:
    """Return adjusted R²."""
    return of.fit.r2_adjusted, first(of.once(_squares), unless(~(of.fit.points <= 2), reasons.TWO_POINTS))


def correlation(of: BlockAnalysis) -> Column:
    """Return the correlation of time and ln concentration."""
    return of.fit.correlation, of.once(_squares)


def residual_sd(of: BlockAnalysis) -> Column:
    """Return the residual SD of a Tobit regression."""
    return of.fit.sd, of.once(_censored)


def points_blq(of: BlockAnalysis) -> Column:
    """Return the number of BLQ samples in a Tobit regression."""
    return of.fit.below, of.once(_censored)


def _squares(of: BlockAnalysis) -> Codes:
    """Why there is no regression by least squares, (n,)."""
    return first(of.fit.code, unless(_all(of, not of.tobit), reasons.NOT_IN_TOBIT))


def _censored(of: BlockAnalysis) -> Codes:
    """Why there is no Tobit regression, (n,)."""
    return first(unless(_all(of, of.tobit), reasons.TOBIT_ONLY), of.fit.code)


def _all(of: BlockAnalysis, value: bool) -> Flags:
    return np.full(len(of.fit.rate), value)

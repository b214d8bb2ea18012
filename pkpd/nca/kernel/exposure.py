"""Areas and moments to the last sample and to infinity, and their extrapolated parts."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array
from pkpd.nca import reasons
from pkpd.nca.kernel.analysis import BlockAnalysis
from pkpd.nca.kernel.areas import sum_parts
from pkpd.nca.kernel.columns import Column, first, unless
from pkpd.nca.kernel.prepare import Codes


def auc_last(of: BlockAnalysis) -> Column:
    """Return the area to the last quantifiable sample."""
    return sum_parts(of.segments[0] * of.to_last), of.once(_to_last)


def aumc_last(of: BlockAnalysis) -> Column:
    """Return the first moment to the last quantifiable sample."""
    return sum_parts(of.segments[1] * of.to_last), of.once(_to_last)


def auc_all(of: BlockAnalysis) -> Column:
    """Return the area to the last sample."""
    return sum_parts(of.segments[0]), of.once(_to_end)


def aumc_all(of: BlockAnalysis) -> Column:
    """Return the first moment to the last sample."""
    return sum_parts(of.segments[1]), of.once(_to_end)


def auc_inf_obs(of: BlockAnalysis) -> Column:
    """Return ``AUClast + Clast/λz``, Clast observed."""
    return of["auc_last"][0] + of.once(_area_beyond_observed), of.once(_infinite)


def auc_inf_pred(of: BlockAnalysis) -> Column:
    """Return ``AUClast + Clast/λz``, Clast predicted."""
    return of["auc_last"][0] + of.once(_area_beyond_predicted), of.once(_infinite)


def aumc_inf_obs(of: BlockAnalysis) -> Column:
    """Return ``AUMClast + Tlast·Clast/λz + Clast/λz²``, Clast observed."""
    return of["aumc_last"][0] + of.once(_moment_beyond_observed), of.once(_infinite)


def aumc_inf_pred(of: BlockAnalysis) -> Column:
    """Return ``AUMClast + Tlast·Clast/λz + Clast/λz²``, Clast predicted."""
    return of["aumc_last"][0] + of.once(_moment_beyond_predicted), of.once(_infinite)


def auc_extrapolated_obs(of: BlockAnalysis) -> Column:
    """Return the part (%) of AUC∞ beyond Tlast, Clast observed."""
    auc, code = of["auc_inf_obs"]
    return 100.0 * of.once(_area_beyond_observed) / auc, first(code, unless(auc > 0, reasons.ZERO_AREA))


def auc_extrapolated_pred(of: BlockAnalysis) -> Column:
    """Return the part (%) of AUC∞ beyond Tlast, Clast predicted."""
    auc, code = of["auc_inf_pred"]
    return 100.0 * of.once(_area_beyond_predicted) / auc, first(code, unless(auc > 0, reasons.ZERO_AREA))


def aumc_extrapolated_obs(of: BlockAnalysis) -> Column:
    """Return the part (%) of AUMC∞ beyond Tlast, Clast observed."""
    aumc, code = of["aumc_inf_obs"]
    return 100.0 * of.once(_moment_beyond_observed) / aumc, first(code, unless(aumc > 0, reasons.ZERO_AREA))


def aumc_extrapolated_pred(of: BlockAnalysis) -> Column:
    """Return the part (%) of AUMC∞ beyond Tlast, Clast predicted."""
    aumc, code = of["aumc_inf_pred"]
    return 100.0 * of.once(_moment_beyond_predicted) / aumc, first(code, unless(aumc > 0, reasons.ZERO_AREA))


def back_extrapolated(of: BlockAnalysis, area: str) -> Column:
    """Return the part (%) of an area that lies before the first sample of a bolus."""
    value, code = of[area]
    only, nothing = unless(of.block.bolus, reasons.BOLUS_ONLY), unless(value > 0, reasons.ZERO_AREA)
    return 100.0 * of.once(_back) / value, first(only, code, nothing)


def above_observed(of: BlockAnalysis, threshold: str) -> Column:
    """Return the area above a concentration of the profile's own."""
    level, code = of[threshold]
    (_, (area, _)) = of.above(np.where(code == 0, level, 0.0))
    return area, first(code, of.begins)


def by_dose(of: BlockAnalysis, name: str) -> Column:
    """Return a quantity divided by the dose."""
    value, code = of[name]
    return value / of.dose, first(of.dosed, code)


def observed_by_dose(of: BlockAnalysis, name: str) -> Column:
    """Return an observed concentration divided by the dose."""
    value, code = of.scaled(name)
    return value / of.dose, first(of.dosed, code)


def _infinite(of: BlockAnalysis) -> Codes:
    """Why there is no area to infinity, (n,)."""
    return first(of["auc_last"][1], np.where(of.stays_zero, reasons.COMPUTED, of.fit.code))


def _to_last(of: BlockAnalysis) -> Codes:
    """Why there is no area to Tlast, (n,)."""
    # Without a quantifiable sample there is no Tlast; of nothing but zeros the area is zero all the same.
    no_last = np.where((of.curve.c > 0).any(axis=0), of.seen, reasons.COMPUTED)
    end = of.block.t[of.block.area_last, of.block.columns]
    return first(of.begins, no_last, unless(end > of.curve.t[0], reasons.NO_STRETCH)).astype(np.int8)


def _to_end(of: BlockAnalysis) -> Codes:
    """Why there is no area to the last sample, (n,)."""
    return first(of.begins, of.measured, unless(of.curve.t[-1] > of.curve.t[0], reasons.NO_STRETCH))


def _area_beyond_observed(of: BlockAnalysis) -> Array:
    return np.where(of.stays_zero, 0.0, of.clast / of.fit.rate)


def _area_beyond_predicted(of: BlockAnalysis) -> Array:
    return np.where(of.stays_zero, 0.0, of.clast_pred / of.fit.rate)


def _moment_beyond_observed(of: BlockAnalysis) -> Array:
    return _moment_beyond(of, of.once(_area_beyond_observed))


def _moment_beyond_predicted(of: BlockAnalysis) -> Array:
    return _moment_beyond(of, of.once(_area_beyond_predicted))


def _moment_beyond(of: BlockAnalysis, tail: Array) -> Array:
    """Moment of an exponential tail of this area, from the end of AUClast on, (n,)."""
    end = of.block.t[of.block.area_last, of.block.columns]
    return np.where(of.stays_zero, 0.0, end * tail + tail / of.fit.rate)


def _back(of: BlockAnalysis) -> Array:
    """Area before the first sample of a bolus, or what C0 adds to the area that begins with zero, (n,)."""
    back = of.segments[0][0]
    if of.block.rules.back_extrapolated == "excess over time zero":
        back = back - 0.5 * of.curve.c[1] * (of.curve.t[1] - of.curve.t[0])
    return np.where(of.block.ready.start.extrapolated[of.block.members], back, 0.0)

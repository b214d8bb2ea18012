"""Parameters of the dosing interval from 0 to tau; at steady state they are those of the drug.

References: Certara, Phoenix WinNonlin user's guide, "Discrete (plasma) parameters that are estimated when at
steady-state".
"""

from __future__ import annotations

import numpy as np

from pkpd.nca import reasons
from pkpd.nca.kernel.analysis import BlockAnalysis
from pkpd.nca.kernel.areas import sum_parts
from pkpd.nca.kernel.columns import Column, first, unless
from pkpd.nca.kernel.disposition import intravenous, residence
from pkpd.nca.kernel.observed import highest
from pkpd.nca.kernel.partial import Stretch, stretch


def auc_tau(of: BlockAnalysis) -> Column:
    """Return the area of the interval."""
    over = of.once(over_interval)
    return over.area, first(unless(~np.isnan(of.block.tau), reasons.NO_TAU), over.code)


def aumc_tau(of: BlockAnalysis) -> Column:
    """Return its first moment."""
    return of.once(over_interval).moment, of["auc_tau"][1]


def auc_tau_extrapolated(of: BlockAnalysis) -> Column:
    """Return the part (%) of the area beyond Tlast."""
    area, code = of["auc_tau"]
    there = np.where(np.isnan(of.block.tau), 0.0, of.block.tau)
    parts, _ = of.followed[0].stretch(np.zeros(len(there)), np.minimum(there, of.tlast))
    measured = sum_parts(np.where(np.arange(len(parts))[:, None] < of.followed[1].last, parts, 0.0))
    return 100.0 * (1.0 - np.minimum(measured / area, 1.0)), first(code, unless(area > 0, reasons.ZERO_AREA))


def ctau(of: BlockAnalysis) -> Column:
    """Return the concentration at the end of the interval, observed or predicted."""
    over = of.once(over_interval)
    return np.where(np.isnan(of.block.tau), np.nan, over.end), first(of.ends, over.end_code)


def cavg(of: BlockAnalysis) -> Column:
    """Return ``AUCtau/tau``."""
    area, code = of["auc_tau"]
    return area / of.block.tau, first(of.ends, code)


def fluctuation(of: BlockAnalysis) -> Column:
    """Return ``100·(Cmax − Cmin)/Cavg``."""
    return _percent(of.once(highest), of.scaled("cmin"), of["cavg"])


def fluctuation_tau(of: BlockAnalysis) -> Column:
    """Return ``100·(Cmax − Ctau)/Cavg``."""
    return _percent(of.once(highest), of["ctau"], of["cavg"])


def swing(of: BlockAnalysis) -> Column:
    """Return ``100·(Cmax − Cmin)/Cmin``."""
    return _percent(of.once(highest), of.scaled("cmin"), of.scaled("cmin"))


def swing_tau(of: BlockAnalysis) -> Column:
    """Return ``100·(Cmax − Ctau)/Ctau``."""
    return _percent(of.once(highest), of["ctau"], of["ctau"])


def peak_trough(of: BlockAnalysis) -> Column:
    """Return ``Cmax/Ctrough``."""
    high, low = of.once(highest), of.scaled("ctrough")
    return high[0] / low[0], first(high[1], low[1], unless(~(low[0] == 0), reasons.ZERO_CONCENTRATION))


def accumulation_index(of: BlockAnalysis) -> Column:
    """Return ``1/(1 − exp(−λz·tau))``."""
    return -1.0 / np.expm1(-of.fit.rate * of.block.tau), first(of.ends, of.fit.code)


def mrt_ss(of: BlockAnalysis, infinite: str) -> Column:
    """Return ``MRT = (AUMCtau + tau·(AUC∞ − AUCtau))/AUCtau``.

    For a profile at steady state: what is left after tau resides tau longer in every later interval.
    """
    area, moment, (whole, code) = of["auc_tau"], of["aumc_tau"], of[infinite]
    shifted = moment[0] + of.block.tau * (whole - area[0])
    value, reason = residence(of, (shifted, first(area[1], code)), area)
    return value, first(of.ends, reason)


def vss_ss(of: BlockAnalysis, mrt: str) -> Column:
    """Return ``MRT·D/AUCtau``."""
    value, code = of[mrt]
    return value * (of.dose / of["auc_tau"][0]), first(of.once(intravenous), of.dosed, code)


def over_interval(of: BlockAnalysis) -> Stretch:
    """Return area, moment and final value of the interval; where there is no interval, of one of no length."""
    tau = np.where(np.isnan(of.block.tau), 0.0, of.block.tau)
    zero, rule = np.zeros(len(tau)), of.block.rules.partial
    over = stretch(*of.followed, zero, tau, rule)
    endless = np.isinf(tau)
    if endless.any() and rule == "line":  # there is no point at the end to draw a line to
        decay = stretch(*of.followed, zero, tau, "obs")
        over = Stretch(
            np.where(endless, decay.area, over.area), np.where(endless, decay.moment, over.moment),
            np.where(endless, decay.end, over.end), np.where(endless, decay.code, over.code),
            np.where(endless, decay.end_code, over.end_code),
        )  # fmt: skip
    return over


def _percent(high: Column, low: Column, by: Column) -> Column:
    zero = unless(~(by[0] == 0), reasons.ZERO_CONCENTRATION)
    return 100.0 * (high[0] - low[0]) / by[0], first(high[1], low[1], by[1], zero)

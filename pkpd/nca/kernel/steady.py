"""Parameters of a dosing interval, at steady state those of the drug (floor 3)."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array
from pkpd.nca import reasons
from pkpd.nca.kernel.derived import Basis, Column, Columns, disposition, first, residence, unless
from pkpd.nca.kernel.partial import Stretch


def interval(basis: Basis, over: Stretch, measured: Array, found: Columns) -> Columns:
    """Return the parameters of the dosing interval from 0 to tau.

    ``Cavg = AUCtau/tau``, ``CLss = D/AUCtau``, fluctuation ``100·(Cmax − Cmin)/Cavg``, swing
    ``100·(Cmax − Cmin)/Cmin``, peak-trough ratio ``Cmax/Ctrough``, accumulation index ``1/(1 − exp(−λz·tau))`` and,
    for a profile at steady state, ``MRT = (AUMCtau + tau·(AUC∞ − AUCtau))/AUCtau``.

    Parameters
    ----------
    basis : Basis
        Dose, interval and terminal regression.
    over : Stretch
        Area, moment and final value of the interval.
    measured : (n,)
        Part of the area up to Tlast.
    found : mapping
        Parameters computed so far: cmax, cmin, ctrough and the areas to infinity.

    References
    ----------
    Certara, Phoenix WinNonlin user's guide, "Discrete (plasma) parameters that are estimated when at steady-state".
    """
    there = unless(~np.isnan(basis.tau), reasons.NO_TAU)
    ends = unless(np.isfinite(basis.tau), reasons.NO_TAU)  # an interval set by hand may be endless
    code = first(there, over.code)
    area, moment = (over.area, code), (over.moment, code)
    mrt = residence(moment, area, basis)
    ctau = (over.end, first(ends, over.end_code))
    cavg = (over.area / basis.tau, first(ends, code))
    cmax, cmin = found["cmax_scaled"], found["cmin_scaled"]
    beyond = 100.0 * (1.0 - np.minimum(measured / over.area, 1.0))
    index = -1.0 / np.expm1(-basis.fit.rate * basis.tau)
    return {
        "auc_tau": area, "aumc_tau": moment, "mrt_tau": mrt, "ctau": ctau, "cavg": cavg,
        "auc_tau_extrapolated": (beyond, first(code, unless(over.area > 0, reasons.ZERO_AREA))),
        **disposition(basis, "tau", area, mrt),
        "fluctuation": _percent(cmax, cmin, cavg), "fluctuation_tau": _percent(cmax, ctau, cavg),
        "swing": _percent(cmax, cmin, cmin), "swing_tau": _percent(cmax, ctau, ctau),
        "peak_trough": _ratio(cmax, found["ctrough_scaled"]),
        "accumulation_index": (index, first(ends, basis.fit.code)),
        **_from_steady_state(basis, area, moment, found),
    }  # fmt: skip


def _percent(high: Column, low: Column, by: Column) -> Column:
    zero = unless(~(by[0] == 0), reasons.ZERO_CONCENTRATION)
    return 100.0 * (high[0] - low[0]) / by[0], first(high[1], low[1], by[1], zero)


def _ratio(high: Column, low: Column) -> Column:
    return high[0] / low[0], first(high[1], low[1], unless(~(low[0] == 0), reasons.ZERO_CONCENTRATION))


def _from_steady_state(basis: Basis, area: Column, moment: Column, found: Columns) -> Columns:
    """MRT and Vss of a drug at steady state: what is left after tau resides tau longer in every later interval."""
    result: Columns = {}
    cl = basis.dose / area[0]
    for kind in ("obs", "pred"):
        whole = found[f"auc_inf_{kind}"]
        shifted = moment[0] + basis.tau * (whole[0] - area[0])
        mrt = residence((shifted, first(area[1], whole[1])), area, basis)
        ends = unless(np.isfinite(basis.tau), reasons.NO_TAU)
        mrt = (mrt[0], first(ends, mrt[1]))
        iv = unless(basis.vss, reasons.INTRAVENOUS_ONLY)
        result[f"mrt_ss_{kind}"] = mrt
        result[f"vss_ss_{kind}"] = (mrt[0] * cl, first(iv, basis.dosed, mrt[1]))
    return result

"""What follows from areas, the terminal regression and the dose (floor 3).

A column is a pair of arrays over profiles, values and reason codes; a parameter inherits the first reason among
what it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pkpd.nca import reasons
from pkpd.nca.lambda_z import Terminal
from pkpd.nca.prepare import Codes
from pkpd.nca.profiles import Bools, Floats

Column = tuple[Floats, Codes]


def _first(*codes: Codes) -> Codes:
    """The first reason in each position."""
    found = codes[0]
    for other in codes[1:]:
        found = np.where(found == reasons.COMPUTED, other, found)
    return found


def _unless(good: Bools, code: int) -> Codes:
    """No reason where `good`, `code` elsewhere."""
    return np.where(good, reasons.COMPUTED, code).astype(np.int8)


def derive(basis: Mapping[str, Any], fit: Terminal) -> dict[str, Column]:
    """Return all parameters of a block.

    Parameters
    ----------
    basis : mapping
        Areas, last and largest concentrations, route and dose, as the kernel computes them.
    fit : Terminal
        The terminal regression.

    References
    ----------
    Gabrielsson & Weiner, Pharmacokinetic and Pharmacodynamic Data Analysis, chapter on non-compartmental analysis;
    Certara, Phoenix WinNonlin user's guide, "NCA parameter formulas".
    """
    area, start = basis["auc_last"]
    found: dict[str, Column] = {name: basis[name] for name in ("auc_last", "aumc_last", "auc_all", "c0")}
    found["tlag"] = (basis["tlag"], _unless(basis["oral"], reasons.EXTRAVASCULAR_ONLY))
    found.update(_regression(basis, fit))
    dose = basis["dose"]
    dosed = _first(_unless(~np.isnan(dose), reasons.NO_DOSE), _unless(~(dose == 0), reasons.ZERO_DOSE))
    found["cmax_dose"] = (basis["cmax"] / dose, dosed)
    found["auc_last_dose"] = (area / dose, _first(dosed, start))
    found["mrt_last"] = _residence(basis["aumc_last"], basis["auc_last"], basis["half_infusion"])
    clast_pred = basis["clast"] * np.exp(fit.level)
    for kind, clast in (("obs", basis["clast"]), ("pred", clast_pred)):
        found.update(_to_infinity(basis, fit, kind, clast, dosed))
    return found


def _regression(basis: Mapping[str, Any], fit: Terminal) -> dict[str, Column]:
    """λz and what describes it; the regression's times count from the dose."""
    half_life = np.log(2.0) / fit.rate
    values = {
        "lambda_z": fit.rate,
        "lambda_z_intercept": basis["log_clast"] + fit.level + fit.rate * basis["tlast"],
        "lambda_z_points": fit.points,
        "lambda_z_start": fit.start,
        "lambda_z_end": basis["tlast"],
        "lambda_z_r2": fit.r2,
        "lambda_z_r2_adjusted": fit.r2_adjusted,
        "lambda_z_correlation": fit.correlation,
        "lambda_z_span": (basis["tlast"] - fit.start) / half_life,
        "half_life": half_life,
        "clast_pred": basis["clast"] * np.exp(fit.level),
    }
    return {name: (value, fit.code) for name, value in values.items()}


def _residence(moment: Column, area: Column, half_infusion: Floats) -> Column:
    """MRT = AUMC/AUC − duration/2 (the mean time that an infusion of constant rate takes to enter)."""
    value = moment[0] / area[0] - half_infusion
    # An area of 0 at the only sample's time leaves 0/0; nothing resides a negative time.
    late = _unless(~(value <= 0), reasons.NEGATIVE_RESIDENCE)
    return value, _first(area[1], moment[1], _unless(area[0] > 0, reasons.ZERO_AREA), late)


def _to_infinity(basis: Mapping[str, Any], fit: Terminal, kind: str, clast: Floats, dosed: Codes) -> dict[str, Column]:
    """AUC∞ = AUClast + Clast/λz, AUMC∞ = AUMClast + tlast·Clast/λz + Clast/λz², and what is made of them."""
    dose, tlast = basis["dose"], basis["tlast"]
    (area, start), (moment, _) = basis["auc_last"], basis["aumc_last"]
    code = _first(start, fit.code)
    tail = clast / fit.rate
    moment_tail = tlast * tail + tail / fit.rate
    auc, aumc = (area + tail, code), (moment + moment_tail, code)
    mrt = _residence(aumc, auc, basis["half_infusion"])
    cl = (dose / auc[0], _first(dosed, code))
    iv = _unless(basis["bolus"] | basis["infusion"], reasons.INTRAVENOUS_ONLY)
    back = (100.0 * basis["back"] / auc[0], _first(_unless(basis["bolus"], reasons.BOLUS_ONLY), code))
    return {
        f"auc_inf_{kind}": auc,
        f"auc_inf_{kind}_dose": (auc[0] / dose, cl[1]),
        f"auc_extrapolated_{kind}": (100.0 * tail / auc[0], code),
        f"auc_back_extrapolated_{kind}": back,
        f"aumc_inf_{kind}": aumc,
        f"aumc_extrapolated_{kind}": (100.0 * moment_tail / aumc[0], code),
        f"mrt_inf_{kind}": mrt,
        f"cl_{kind}": cl,
        f"vz_{kind}": (cl[0] / fit.rate, cl[1]),
        f"vss_{kind}": (mrt[0] * cl[0], _first(iv, cl[1], mrt[1])),
    }

"""What follows from areas, the terminal regression and the dose (floor 3).

A column is a pair of arrays over profiles, values and reason codes; a parameter inherits the first reason among
what it is made of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.nca import reasons
from pkpd.nca.kernel.lambda_z import Terminal
from pkpd.nca.kernel.parameters import NORMALISED
from pkpd.nca.kernel.prepare import Codes

Column = tuple[Array, Codes]
Columns = dict[str, Column]


@dataclass(frozen=True, eq=False)
class Basis:
    """What the parameters of a block are made of, (n,) each; times and concentrations scaled.

    Attributes
    ----------
    fit : Terminal
        The terminal regression.
    tobit : bool
        Whether it is one by Tobit.
    clast, log_clast, tlast : (n,)
        Last quantifiable concentration, its unscaled logarithm, its time.
    t_area : (n,)
        Time to which AUClast runs.
    dose, half_infusion : (n,)
        Dose, and half the length of the infusion.
    bolus, vss, from_dose : (n,) of bool
        A bolus that begins the profile; whether Vss is given; whether times count from the only dose.
    tau : (n,)
        Length of the dosing interval.
    """

    fit: Terminal
    tobit: bool
    clast: Array
    log_clast: Array
    tlast: Array
    t_area: Array
    dose: Array
    half_infusion: Array
    bolus: Flags
    vss: Flags
    from_dose: Flags
    tau: Array

    @property
    def clast_pred(self) -> Array:
        """The terminal regression at Tlast."""
        return self.clast * np.exp(self.fit.level)

    @property
    def dosed(self) -> Codes:
        """Why nothing can be divided by the dose."""
        return first(unless(~np.isnan(self.dose), reasons.NO_DOSE), unless(~(self.dose == 0), reasons.ZERO_DOSE))


def first(*codes: Codes) -> Codes:
    """Return the first reason in each position."""
    found = codes[0]
    for other in codes[1:]:
        found = np.where(found == reasons.COMPUTED, other, found)
    return found


def unless(good: Flags, code: int) -> Codes:
    """Return no reason where `good`, `code` elsewhere."""
    return np.where(good, reasons.COMPUTED, code).astype(np.int8)


def regression(basis: Basis) -> Columns:
    """Return λz and what describes it; the regression's times count from the dose."""
    fit = basis.fit
    half_life = np.log(2.0) / fit.rate
    end = np.minimum(fit.end, basis.tlast) if basis.tobit else fit.end  # censored points span nothing
    values = {
        "lambda_z": fit.rate,
        "lambda_z_intercept": basis.log_clast + fit.level + fit.rate * basis.tlast,
        "lambda_z_points": fit.points,
        "lambda_z_start": fit.start,
        "lambda_z_end": fit.end,
        "lambda_z_span": (end - fit.start) / half_life,
        "half_life": half_life,
        "clast_pred": basis.clast_pred,
    }
    found = {name: (value, fit.code) for name, value in values.items()}
    square = unless(np.full(len(fit.rate), not basis.tobit), reasons.NOT_IN_TOBIT)
    censored = unless(np.full(len(fit.rate), basis.tobit), reasons.TOBIT_ONLY)
    enough = unless(~(fit.points <= 2), reasons.TWO_POINTS)
    found["lambda_z_r2"] = (fit.r2, first(fit.code, square))
    found["lambda_z_correlation"] = (fit.correlation, first(fit.code, square))
    found["lambda_z_r2_adjusted"] = (fit.r2_adjusted, first(fit.code, square, enough))
    found["lambda_z_sd"] = (fit.sd, first(censored, fit.code))
    found["lambda_z_points_blq"] = (fit.below, first(censored, fit.code))
    return found


def to_infinity(basis: Basis, area: Column, moment: Column) -> Columns:
    """Return AUC∞ = AUClast + Clast/λz, AUMC∞ = AUMClast + tlast·Clast/λz + Clast/λz², and their extrapolated parts."""
    found: Columns = {}
    code = first(area[1], basis.fit.code)
    for kind, clast in (("obs", basis.clast), ("pred", basis.clast_pred)):
        tail = clast / basis.fit.rate
        moment_tail = basis.t_area * tail + tail / basis.fit.rate
        auc, aumc = area[0] + tail, moment[0] + moment_tail
        found[f"auc_inf_{kind}"], found[f"aumc_inf_{kind}"] = (auc, code), (aumc, code)
        found[f"auc_extrapolated_{kind}"] = (100.0 * tail / auc, code)
        found[f"aumc_extrapolated_{kind}"] = (100.0 * moment_tail / aumc, code)
    return found


def back_extrapolated(basis: Basis, back: Array, areas: Columns) -> Columns:
    """Return the parts (%) of several areas that lie before the first sample of a bolus."""
    only = unless(basis.bolus, reasons.BOLUS_ONLY)
    found: Columns = {}
    for name, area in (("obs", "auc_inf_obs"), ("pred", "auc_inf_pred"), ("last", "auc_last"), ("all", "auc_all")):
        value, code = areas[area]
        nothing = unless(value > 0, reasons.ZERO_AREA)
        found[f"auc_back_extrapolated_{name}"] = (100.0 * back / value, first(only, code, nothing))
    return found


def residence(moment: Column, area: Column, basis: Basis) -> Column:
    """Return MRT = AUMC/AUC − duration/2 (the mean time that an infusion of constant rate takes to enter)."""
    value = moment[0] / area[0] - basis.half_infusion
    begins = unless(basis.from_dose, reasons.NOT_AT_DOSE)
    # An area of 0 at the only sample's time leaves 0/0; nothing resides a negative time.
    late = unless(~(value <= 0), reasons.NEGATIVE_RESIDENCE)
    return value, first(area[1], moment[1], begins, unless(area[0] > 0, reasons.ZERO_AREA), late)


def disposition(basis: Basis, short: str, area: Column, mrt: Column) -> Columns:
    """Return CL = D/AUC, Vz = CL/λz, Vss = MRT·CL, kel = 1/MRT and effective t1/2 = ln 2·MRT of one area.

    References
    ----------
    Gabrielsson & Weiner, Pharmacokinetic and Pharmacodynamic Data Analysis, chapter on non-compartmental analysis;
    Certara, Phoenix WinNonlin user's guide, "NCA parameter formulas"; Boxenbaum & Battle (1995), J Clin Pharmacol
    35:763-766 (effective half-life).
    """
    cl = basis.dose / area[0]
    code = first(basis.dosed, area[1], unless(area[0] > 0, reasons.ZERO_AREA))
    iv = unless(basis.vss, reasons.INTRAVENOUS_ONLY)
    return {
        f"cl_{short}": (cl, code),
        f"vz_{short}": (cl / basis.fit.rate, first(code, basis.fit.code)),
        f"vss_{short}": (mrt[0] * cl, first(iv, code, mrt[1])),
        f"kel_{short}": (1.0 / mrt[0], mrt[1]),
        f"half_life_effective_{short}": (np.log(2.0) * mrt[0], mrt[1]),
    }


def by_dose(basis: Basis, found: Columns) -> Columns:
    """Return every quantity that is also given divided by the dose."""
    return {f"{name}_dose": (found[name][0] / basis.dose, first(basis.dosed, found[name][1])) for name in NORMALISED}

"""What an area, its moment, the terminal regression and the dose say of the drug.

References: Gabrielsson & Weiner, Pharmacokinetic and Pharmacodynamic Data Analysis, chapter on non-compartmental
analysis; Certara, Phoenix WinNonlin user's guide, "NCA parameter formulas"; Boxenbaum & Battle (1995), J Clin Pharmacol
35:763-766 (effective half-life).
"""

from __future__ import annotations

import numpy as np

from pkpd.nca import reasons
from pkpd.nca.kernel.analysis import BlockAnalysis
from pkpd.nca.kernel.columns import Column, first, unless
from pkpd.nca.kernel.prepare import Codes
from pkpd.nca.kernel.profiles import BOLUS, INFUSION


def residence(of: BlockAnalysis, moment: Column, area: Column) -> Column:
    """Return MRT = AUMC/AUC − duration/2 (the mean time that an infusion of constant rate takes to enter)."""
    value = moment[0] / area[0] - of.half_infusion
    # An area of 0 at the only sample's time leaves 0/0; nothing resides a negative time.
    late = unless(~(value <= 0), reasons.NEGATIVE_RESIDENCE)
    return value, first(area[1], moment[1], of.from_dose, unless(area[0] > 0, reasons.ZERO_AREA), late)


def mrt(of: BlockAnalysis, area: str, moment: str) -> Column:
    """Return the mean residence time from an area and its moment."""
    return residence(of, of[moment], of[area])


def clearance(of: BlockAnalysis, area: str) -> Column:
    """Return ``CL = D/AUC``."""
    value, code = of[area]
    return of.dose / value, first(of.dosed, code, unless(value > 0, reasons.ZERO_AREA))


def terminal_volume(of: BlockAnalysis, cl: str) -> Column:
    """Return ``Vz = CL/λz``."""
    value, code = of[cl]
    return value / of.fit.rate, first(code, of.fit.code)


def steady_volume(of: BlockAnalysis, cl: str, mrt: str) -> Column:
    """Return ``Vss = MRT·CL``."""
    (rate, code), (time, no_time) = of[cl], of[mrt]
    return time * rate, first(of.once(intravenous), code, no_time)


def elimination(of: BlockAnalysis, mrt: str) -> Column:
    """Return ``kel = 1/MRT``."""
    value, code = of[mrt]
    return 1.0 / value, code


def effective_half_life(of: BlockAnalysis, mrt: str) -> Column:
    """Return ``ln 2·MRT``."""
    value, code = of[mrt]
    return np.log(2.0) * value, code


def intravenous(of: BlockAnalysis) -> Codes:
    """Return why there is no volume at steady state after this route, (n,)."""
    every = np.full(len(of.dose), of.block.rules.vss != "intravenous")
    return unless(every | (of.block.route == BOLUS) | (of.block.route == INFUSION), reasons.INTRAVENOUS_ONLY)

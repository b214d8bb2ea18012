"""Why a number is missing: small codes in the kernel, sentences for the reader (floor 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

COMPUTED = 0
NO_SAMPLES = 1
NO_QUANTIFIABLE = 2
FEW_FROM_CMAX = 3
FEW_AFTER_CMAX = 4
FEW_AFTER_INFUSION = 5
SLOPE_NOT_NEGATIVE = 6
NO_DOSE = 7
ZERO_DOSE = 8
NO_TIME_ZERO = 9
NO_C0 = 10
BOLUS_ONLY = 11
INTRAVENOUS_ONLY = 12
EXTRAVASCULAR_ONLY = 13
ZERO_AREA = 14
NEGATIVE_RESIDENCE = 15
OUT_OF_RANGE = 16
NOT_A_CONCENTRATION = 17

_SENTENCES = {
    COMPUTED: "",
    NO_SAMPLES: "no sample with a usable time and value in this dosing interval",
    NO_QUANTIFIABLE: "no quantifiable sample",
    FEW_FROM_CMAX: "fewer than {points} quantifiable samples from Cmax on",
    FEW_AFTER_CMAX: "fewer than {points} quantifiable samples after Cmax",
    FEW_AFTER_INFUSION: "fewer than {points} quantifiable samples after Cmax and the end of the infusion",
    SLOPE_NOT_NEGATIVE: "terminal slope is not negative: no window of at least {points} samples falls with time",
    NO_DOSE: "no dose known (none given, or doses by different routes at the same time)",
    ZERO_DOSE: "the dose is zero",
    NO_TIME_ZERO: "no value at the time of the dose, so the area has no beginning",
    NO_C0: "C0 needs at least two usable samples after the bolus",
    BOLUS_ONLY: "defined after an intravenous bolus only",
    INTRAVENOUS_ONLY: "defined after intravenous doses only",
    EXTRAVASCULAR_ONLY: "defined after extravascular doses only",
    ZERO_AREA: "the area under the curve is zero",
    NEGATIVE_RESIDENCE: "the mean residence time less half the infusion is not positive: sampling stopped too early",
    OUT_OF_RANGE: "the result is outside the range of floating-point numbers",
    NOT_A_CONCENTRATION: "the analyte is not a concentration, so a dose cannot be divided by it",
}


def sentences(minimal_points: int = 3) -> npt.NDArray[Any]:
    """Return every reason as a sentence, indexed by its code; code 0 (a number was computed) is the empty string.

    Parameters
    ----------
    minimal_points : int
        Smallest number of points that the rules allow in the terminal regression.
    """
    found = np.empty(len(_SENTENCES), dtype=object)
    for code, text in _SENTENCES.items():
        found[code] = text.format(points=minimal_points)
    return found

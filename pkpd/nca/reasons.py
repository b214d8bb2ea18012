"""Why a number is missing: small codes in the kernel, sentences for the reader."""

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
NO_C0_WAY = 18
NO_TAU = 19
NO_END_SAMPLE = 20
NO_START_SAMPLE = 21
INFUSION_ONLY = 22
NO_INFUSION_END = 23
ZERO_CONCENTRATION = 24
TOBIT_ONLY = 25
FEW_CHOSEN = 26
NOT_EXTRAPOLATED = 27
TWO_POINTS = 28
NOT_IN_TOBIT = 29
TOBIT_FAILED = 30
EMPTY_WINDOW = 31
NOT_AT_DOSE = 32
ALL_ZERO = 40
NO_STRETCH = 41

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
    NO_C0_WAY: "none of the ways to C0 that the rules allow applies to the first two samples",
    NO_TAU: "no dosing interval: there is no next dose, the doses are not regular, and no tau was given",
    NO_END_SAMPLE: "no sample at the end of the interval",
    NO_START_SAMPLE: "no sample at the beginning of the interval",
    INFUSION_ONLY: "defined after infusions only",
    NO_INFUSION_END: "no sample at the end of the infusion",
    ZERO_CONCENTRATION: "the concentration divided by is zero",
    TOBIT_ONLY: "part of the Tobit regression only",
    FEW_CHOSEN: "fewer than two of the chosen samples are quantifiable",
    NOT_EXTRAPOLATED: "the interval ends after the last sample, and the rules do not extrapolate",
    TWO_POINTS: "adjusted R² needs three points",
    NOT_IN_TOBIT: "not defined for a Tobit regression",
    TOBIT_FAILED: "the Tobit regression found no line that falls",
    EMPTY_WINDOW: "the interval is empty: its end does not lie after its beginning",
    ALL_ZERO: "every concentration is zero",
    NO_STRETCH: "the area covers no time: it would end at the sample at which it begins",
    NOT_AT_DOSE: "the interval does not begin at its only dose, so a residence time cannot count from it",
}


def sentences(minimal_points: int = 3) -> npt.NDArray[Any]:
    """Return every reason as a sentence, indexed by its code; code 0 (a number was computed) is the empty string.

    Parameters
    ----------
    minimal_points : int
        Smallest number of points that the rules allow in the terminal regression.
    """
    found = np.full(max(_SENTENCES) + 1, "", dtype=object)
    for code, text in _SENTENCES.items():
        found[code] = text.format(points=minimal_points)
    return found

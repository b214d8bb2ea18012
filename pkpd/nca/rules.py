"""The choices of a non-compartmental analysis as a value: frozen, compared, written into the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pkpd.arguments import brief
from pkpd.errors import nearest, shown
from pkpd.nca.choices import Choices, is_number, is_whole, preset_among

_BLQ = ("zero", "lloq/2", "lloq", "drop", "missing")
_C0 = ("observed", "log back-extrapolation", "first observed", "smallest", "zero")
_TIME_ZERO = ("by route", "predose", "smallest", "zero", "none")
_CHOICES = {
    "auc": ("linear-up/log-down", "linear", "linear/log after Cmax"),
    "partial": ("line", "last", "all", "obs", "pred"),
    "tmax": ("first", "last"),
    "lambda_z_method": ("regression", "tobit"),
    "lambda_z_weights": ("1", "1/y", "1/y^2"),
    "blq_around": ("quantifiable", "Cmax"),
    "blq_imputed": ("areas", "areas and lambda_z"),
    "above": ("curve", "shifted samples"),
    "back_extrapolated": ("first segment", "excess over time zero"),
    "vss": ("intravenous", "any route"),
    "tlag": ("extravascular", "any route"),
    "alq": ("uloq", "drop"),
    "predose_correction": ("none", "subtract", "decay"),
    "predose_of": ("first dose", "every dose"),
}
_SWITCHES = ("zero_is_blq", "time_zero_counts")
_LIMITS = (
    "accept_r2_adjusted", "accept_span", "accept_extrapolated", "accept_points", "accept_half_life", "accept_measured",
    "accept_unsupported", "accept_above_infinity", "accept_back_extrapolated", "accept_predose", "accept_alq",
    "accept_lost_collections", "lambda_z_not_before",
)  # fmt: skip


@dataclass(frozen=True)
class Rules(Choices):
    """The rules of an analysis; every value is a choice that the result lists.

    Attributes
    ----------
    auc : {"linear-up/log-down", "linear", "linear/log after Cmax"}
        Trapezoidal rule, per segment: the logarithmic one where the concentration falls and both ends are
        positive; the linear one throughout; or the logarithmic one after Cmax (after C0 of a bolus if that is
        larger), wherever both ends are positive and differ. Linear in all other segments. (Phoenix: "Linear Up
        Log Down", "Linear Trapezoidal Linear Interpolation", which Phoenix itself starts with, and "Linear Log
        Trapezoidal".) Between samples the concentration is interpolated by the same rule.
    partial : {"line", "last", "all", "obs", "pred"}
        How an area over an interval goes on after the last sample: to a point at its end on the terminal
        regression, joined by the trapezoidal rule (Phoenix); not at all after Tlast; by the samples only, zeros
        and BLQ included; or exponentially with λz from the observed or from the predicted Clast.
    tmax : {"first", "last"}
        Which of several equal largest concentrations is Cmax.
    lambda_z_method : {"regression", "tobit"}
        Least squares on the logarithms of the quantifiable samples, or maximum likelihood with the BLQ samples
        after Tlast as left-censored at their LLOQ.
    lambda_z_points, lambda_z_max_points : int; int or None
        Smallest (at least 3) and largest number of points of the terminal regression that is searched for.
    lambda_z_not_before : number or None
        Earliest time (after the dose) of its first point.
    lambda_z_tolerance : float
        The regression with the largest adjusted R² is taken, or one with more points whose adjusted R² lies
        at most this much below.
    lambda_z_weights : {"1", "1/y", "1/y^2"}
        Weights of the regression, from the observed concentration y.
    lambda_z_cmax : bool or None
        Whether the point at Cmax may take part; None: after an intravenous bolus only, as in Phoenix.
        Points before Cmax or before the end of an infusion never take part, nor do BLQ samples or zeros. None
        of these limits applies to points that the user chose.
    accept_r2_adjusted, accept_span, accept_extrapolated, accept_points : number or None
        Limits of acceptance: smallest adjusted R², smallest span (half-lives), largest extrapolated part of
        AUC∞ (observed Clast, %), smallest number of points. They flag, they never delete.
    accept_half_life : number or None
        Largest half-life, in times of the time over which its line was drawn. At 2 the line must fall by 29 % at
        least: a flatter tail cannot be told from the error of an assay.
    accept_measured : number or None
        Fewest measured samples (not BLQ, not above the upper limit) of a dosing interval, its ends included; of the
        whole profile where it has no interval, and for its areas to Tlast and to infinity.
    accept_unsupported : number or None
        Largest part (%) of an area that no sample supports: beyond Tlast; at a value put in for a BLQ sample or at a
        later dose; or bridged.
    bridge_longest : number
        A line between two samples bridges what was not sampled if it is longer than this part (%) of the time that
        the area covers, or passes over a dose.
    accept_above_infinity : number or None
        Largest part (%) by which AUCtau may exceed AUC∞.
    accept_back_extrapolated : number or None
        Largest part (%) of AUC∞ (else AUClast) before the first sample of a bolus.
    accept_predose, predose_of : number or None; {"first dose", "every dose"}
        Largest concentration before the dose (% of Cmax), and whether it is asked of first doses only: before a later
        dose at steady state there is one.
    accept_alq : number or None
        Most samples above the upper limit of quantification.
    accept_lost_collections : number or None
        Most stretches, from the dose to the end of the last collection, of which no collection can be used.
    predose_correction : {"none", "subtract", "decay"}
        What is taken off the samples after such a dose (`predose_of`): nothing; the concentration before it; or that
        concentration as it goes on to decay, ``C₀·exp(−λz·(t − t₀))`` with the λz of the samples as measured (where
        there is none, nothing is taken off and the limit stays). What falls below zero is zero. The limit does not
        apply to what was corrected.
    alq : {"uloq", "drop"}
        What a sample above the upper limit of quantification counts as that has no value: that limit (Cmax and areas
        are lower bounds then), or as no sample.
    zero_is_blq : bool
        Whether a measured zero counts as BLQ (PKNCA knows no other BLQ); in Phoenix it is an observation.
    blq_before, blq_between, blq_after : {"zero", "lloq/2", "lloq", "drop"} or number
        What a BLQ sample before the first, between, and after the last quantifiable one counts as.
        ``blq_before`` may be ``"by route"``: zero, but dropped after a bolus (which has no rising phase).
        Where no LLOQ is known, ``"lloq/2"`` and ``"lloq"`` drop; ``"missing"`` is another word for ``"drop"``.
        Phoenix knows no BLQ: a user hands it zeros or blanks. After the last quantifiable sample zeros change
        nothing but AUCall, whose definition they complete.
    blq_around : {"quantifiable", "Cmax"}
        With ``"Cmax"`` the rules before and after apply before and after Cmax, and there is no "between".
    blq_run : int or None
        This many BLQ samples in a row after the first quantifiable one end the profile: what follows is set
        aside and counted in ``n_after_end``.
    blq_imputed : {"areas", "areas and lambda_z"}
        A positive value put in place of a BLQ sample takes part in the areas between and after quantifiable
        ones (AUCall); or also in AUClast and in the terminal regression, as in PKNCA, whose Clast and Tlast
        nevertheless stay those of the last quantifiable sample.
    c0 : str or tuple of str
        Ways to C0 of a bolus: ``"observed"``, a sample at the time of the dose, not zero, is C0 wherever there is one;
        else, tried in turn, ``"log back-extrapolation"`` through the logarithms of the first two samples, if they fall;
        ``"first observed"``; ``"smallest"`` of the interval; ``"zero"``.
    time_zero : str or tuple of str
        Ways to the value at the time of an extravascular dose or an infusion that has no sample then, tried in
        turn: ``"by route"`` (Phoenix: zero after a first dose, the smallest value of the interval after a later
        one), ``"predose"`` (the last sample before, if within 5 % of the interval), ``"smallest"``, ``"zero"``;
        ``"none"`` leaves it missing.
    time_zero_counts : bool
        Whether such a value also counts for Cmin and Cstart.
    above : {"curve", "shifted samples"}
        Area above a threshold: of the curve between the samples; or, as in PKNCA, the trapezoidal rule applied
        to the samples less the threshold, negative ones as zero.
    back_extrapolated : {"first segment", "excess over time zero"}
        What of AUC is called back-extrapolated: the area before the first sample (Phoenix); or what C0 adds to
        the area that begins with the value given at time zero, or with zero (PKNCA).
    vss : {"intravenous", "any route"}
        Whether Vss = MRT·CL is also given (as Vss/F) after extravascular doses.
    tlag : {"extravascular", "any route"}
        Whether Tlag is also given after intravenous doses and without a dose.

    References
    ----------
    Certara, Phoenix WinNonlin user's guide, "NCA computation rules": data checking and pre-treatment; lambda Z
    or slope estimation settings; partial area calculation; rules tab. Denney, Duvvuri & Buckeridge (2015), PKNCA,
    J Pharmacokinet Pharmacodyn 42:S65, and its vignettes "Options", "Half-life calculation", "Data imputation".
    """

    name: str = "phoenix"
    auc: str = "linear-up/log-down"
    partial: str = "line"
    tmax: str = "first"
    lambda_z_method: str = "regression"
    lambda_z_points: int = 3
    lambda_z_max_points: int | None = None
    lambda_z_not_before: float | None = None
    lambda_z_tolerance: float = 1e-4
    lambda_z_weights: str = "1"
    lambda_z_cmax: bool | None = None
    accept_r2_adjusted: float | None = None
    accept_span: float | None = None
    accept_extrapolated: float | None = None
    accept_points: float | None = None
    accept_half_life: float | None = 2.0
    accept_measured: float | None = 3
    accept_unsupported: float | None = 20.0
    bridge_longest: float = 75.0
    accept_above_infinity: float | None = 0.0
    accept_back_extrapolated: float | None = 30.0
    accept_predose: float | None = 5.0
    predose_of: str = "first dose"
    predose_correction: str = "none"
    accept_alq: float | None = 0
    accept_lost_collections: float | None = 0
    alq: str = "uloq"
    zero_is_blq: bool = False
    blq_before: str | float = "by route"
    blq_between: str | float = "drop"
    blq_after: str | float = "zero"
    blq_around: str = "quantifiable"
    blq_run: int | None = None
    blq_imputed: str = "areas"
    c0: str | tuple[str, ...] = ("observed", "log back-extrapolation", "first observed")
    time_zero: str | tuple[str, ...] = "by route"
    time_zero_counts: bool = False
    above: str = "curve"
    back_extrapolated: str = "first segment"
    vss: str = "intravenous"
    tlag: str = "extravascular"

    __repr__ = brief

    def __post_init__(self) -> None:
        for name in ("c0", "time_zero"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        super().__post_init__()

    def problems(self) -> Iterator[str]:
        """Yield one sentence for every choice that does not exist."""
        yield from self.wrong_words(_CHOICES)
        yield from _ways(self)
        yield from _substitutes(self)
        yield from _numbers(self)

    def ways(self, name: str) -> tuple[str, ...]:
        """Return the ways to C0 (``"c0"``) or to the value at time zero (``"time_zero"``), in turn."""
        value: str | tuple[str, ...] = getattr(self, name)
        return (value,) if isinstance(value, str) else value

    @classmethod
    def phoenix(cls, **changes: Any) -> Rules:
        """Return the rules of Phoenix WinNonlin, with some choices changed."""
        return PRESETS["phoenix"].changed(**changes)


def _ways(rules: Rules) -> Iterator[str]:
    """Problems of the choices that are several words in turn."""
    for key, known in (("c0", _C0), ("time_zero", _TIME_ZERO)):
        ways = rules.ways(key) if isinstance(getattr(rules, key), str | tuple) else (getattr(rules, key),)
        for way in ways:
            if way not in known:
                yield f"{key} is {way!r}; {nearest(way, known)}"
        if not ways:
            yield f"{key} is empty; expected at least one way"


def _substitutes(rules: Rules) -> Iterator[str]:
    """Problems of what a BLQ sample counts as: a word or a number."""
    for key in ("blq_before", "blq_between", "blq_after"):
        value = getattr(rules, key)
        words = (*_BLQ, "by route") if key == "blq_before" else _BLQ
        if isinstance(value, str):
            if value not in words:
                yield f"{key} is {value!r}; {nearest(value, words)}, or a number"
        elif not is_number(value) or not 0 <= value < float("inf"):
            yield f"{key} is {value!r}; expected one of {', '.join(words)} or a number ≥ 0"


_NEVER_REACHED = 2**31  # samples of a profile; NumPy counts in whole numbers of the machine


def _numbers(rules: Rules) -> Iterator[str]:
    """Problems of the choices that are numbers or switches."""
    least = rules.lambda_z_points
    if not is_whole(least) or not 3 <= least < _NEVER_REACHED:
        yield f"lambda_z_points is {shown(least)}; expected a whole number ≥ 3 and below {_NEVER_REACHED}"
        least = 3
    most = rules.lambda_z_max_points
    if most is not None and (not is_whole(most) or most < least):
        yield f"lambda_z_max_points is {most!r}; expected None or a whole number ≥ {least}"
    if rules.lambda_z_method == "tobit" and rules.lambda_z_weights != "1":
        yield f"lambda_z_weights is {rules.lambda_z_weights!r}; a Tobit regression has none, expected '1'"
    run = rules.blq_run
    if run is not None and (not is_whole(run) or run < 1):
        yield f"blq_run is {run!r}; expected None or a whole number ≥ 1"
    tolerance = rules.lambda_z_tolerance
    if not is_number(tolerance) or not 0 <= tolerance < 1:
        yield f"lambda_z_tolerance is {tolerance!r}; expected a number from 0 to 1"
    longest = rules.bridge_longest
    if not is_number(longest) or not 0 < longest <= 100:
        yield f"bridge_longest is {longest!r}; expected a percentage above 0, at most 100"
    for key in _LIMITS:
        value = getattr(rules, key)
        if value is not None and (not is_number(value) or value != value):
            yield f"{key} is {value!r}; expected None or a number"
    for key in _SWITCHES:
        if not isinstance(getattr(rules, key), bool):
            yield f"{key} is {getattr(rules, key)!r}; expected True or False"
    if rules.lambda_z_cmax not in (True, False, None):
        yield f"lambda_z_cmax is {rules.lambda_z_cmax!r}; expected True, False or None (by route)"


PRESETS: Mapping[str, Rules] = MappingProxyType(
    {
        "phoenix": Rules(),
        "pknca": Rules(
            name="pknca", partial="obs", lambda_z_cmax=False, zero_is_blq=True, blq_before="zero",
            blq_imputed="areas and lambda_z", time_zero="none", time_zero_counts=True,
            c0=("observed", "log back-extrapolation", "first observed", "smallest", "zero"),
            above="shifted samples", back_extrapolated="excess over time zero", vss="any route", tlag="any route",
            accept_r2_adjusted=0.9, accept_span=2.0, accept_extrapolated=20.0,
        ),
    }
)  # fmt: skip
"""Named sets of rules; they differ in nothing but the choices above."""


def preset(name: str) -> Rules:
    """Return the rules of a preset.

    Raises
    ------
    InputError
        If there is no preset of that name; the nearest one is suggested.
    """
    return preset_among(PRESETS, name)

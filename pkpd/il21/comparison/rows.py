"""One row of the comparison, one finding, and the rules by which a computed number agrees with a printed one."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

KINDS = ("input", "calibrated", "predicted", "recomputed", "cannot")
SAME = "to the digits printed"
ABOUT = "approximately, as printed"
DIFFERS = "differs"
INSIDE = "inside the interval"
OUTSIDE = "outside the interval"
AGREES = "agrees"
HOLDS, FAILS = "the claim holds", "the claim fails"
NOTHING = "not printed"
NOT_COMPUTED = "not computed"
APART = (DIFFERS, OUTSIDE, FAILS)
AGREEMENTS = (SAME, ABOUT, AGREES, DIFFERS, INSIDE, OUTSIDE, HOLDS, FAILS, NOTHING, NOT_COMPUTED)


class Row(NamedTuple):
    """What the paper prints beside what is computed.

    Attributes
    ----------
    part, what : str
        Where it belongs, and what it is.
    published, computed : str
        As printed, and with more digits.
    kind : {"input", "calibrated", "predicted", "recomputed", "cannot"}
        Put in; tuned to (no evidence for the model); neither; arithmetic on what is printed; not possible.
    agreement : str
        One of `AGREEMENTS`, found by a rule of this file.
    why : str
        How it is computed, what is assumed, why it differs or cannot be computed.
    """

    part: str
    what: str
    published: str
    computed: str
    kind: str
    agreement: str
    why: str = ""


class Finding(NamedTuple):
    """One disagreement.

    Attributes
    ----------
    place, finding : str
        Where in the paper, and what kind it is.
    printed, recomputed, explanation : str
        What stands there, what follows, and what may explain it.
    check : str
        What found it.
    """

    place: str
    finding: str
    printed: str
    recomputed: str
    explanation: str
    check: str


def numbers(text: str) -> list[str]:
    """Return the numbers of a text as they are written; the 21 of IL-21 and the 2 of IL-2 are names."""
    return re.findall(r"\d+(?:\.\d+)?", re.sub(r"IL-\d+", "", text))


def has_digits(printed: str, value: float) -> bool:
    """Say whether a value, with halves rounded up to the decimals that are printed, is the printed number."""
    if not math.isfinite(value):
        return False
    step = Decimal(1).scaleb(-len(printed.partition(".")[2]))
    nearest = (Decimal(repr(float(value))) / step + Decimal("0.5")).to_integral_value(ROUND_FLOOR) * step
    return nearest == Decimal(printed)


def by_digits(published: str, values: Sequence[float]) -> str:
    """Return whether values are the printed numbers, in their order, to their printed digits.

    What is printed as approximate agrees within one unit of its last digit.
    """
    said = numbers(published)
    if len(said) != len(values):
        return DIFFERS
    if all(has_digits(text, value) for text, value in zip(said, values, strict=True)):
        return SAME
    steps = [10.0 ** -len(text.partition(".")[2]) for text in said]
    near = all(abs(float(t) - v) <= step for t, v, step in zip(said, values, steps, strict=True))
    return ABOUT if near and "approximately" in published else DIFFERS


def by_interval(value: float, low: float, high: float) -> str:
    """Return whether a published value lies inside an interval, ends included."""
    return INSIDE if low <= value <= high else OUTSIDE


def by_answer(same: bool) -> str:
    """Return whether two answers in words (a decision, yes or no) are the same."""
    return AGREES if same else DIFFERS


def by_claim(holds: bool) -> str:
    """Return whether what the paper claims in words holds."""
    return HOLDS if holds else FAILS


def recomputed(
    part: str,
    what: str,
    published: str,
    values: Sequence[float],
    computed: str,
    why: str = "",
    kind: str = "recomputed",
) -> Row:
    """Return a row that agrees if the values are the printed ones to their digits."""
    return Row(part, what, published, computed, kind, by_digits(published, values), why)


def follows(part: str, what: str, origin: str, computed: str, why: str = "", kind: str = "recomputed") -> Row:
    """Return a row of a number that follows from the paper, from `origin`, and does not stand in it."""
    return Row(part, what, f"({origin})" if origin else "–", computed, kind, NOTHING, why)


def cannot(part: str, what: str, published: str, why: str) -> Row:
    """Return a row of what cannot be computed, with the reason."""
    return Row(part, what, published, "–", "cannot", NOT_COMPUTED, why)

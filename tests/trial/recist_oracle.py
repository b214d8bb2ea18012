"""RECIST once more, slowly and from the words of the paper: one patient, exact fractions, no shared code."""

# ruff: noqa: SIM114

from __future__ import annotations

from fractions import Fraction
from typing import Any


def exact(value: float) -> Fraction:
    """A number as it is printed."""
    return Fraction(repr(value))


def responses(
    baseline: float, scans: list[dict[str, Any]], *, version: str, confirm: bool, days: float = 28, between: int = 0,
    unknown: int = 1, returns: str = "table",
) -> list[str]:  # fmt: skip
    """The response at every scan: ``day, sum`` (None: not measured), ``other`` ("" for none), ``new``."""
    found: list[str] = []
    for i, scan in enumerate(scans):
        if "PD" in found:
            found.append("PD")
            continue
        seen = [baseline, *(s["sum"] for s in scans[:i] if s["sum"] is not None)]
        nadir = min(map(exact, seen))
        target = "NE"
        if scan["sum"] is not None:
            size, first = exact(scan["sum"]), exact(baseline)
            larger = size > nadir and (nadir == 0 or (size - nadir) / nadir >= Fraction(20, 100))
            if size == 0:
                target = "CR"
            elif larger and (version == "1.0" or size - nadir >= 5):
                target = "PD"
            elif (first - size) / first >= Fraction(30, 100):
                target = "PR"
            else:
                target = "SD"
        other = scan["other"]
        if scan["new"] or target == "PD" or other == "PD":
            found.append("PD")
        elif returns == "PD" and "CR" in found and (target in ("PR", "SD") or other == "non-CR/non-PD"):
            found.append("PD")
        elif target == "CR":
            found.append("CR" if other in ("", "CR") else "PR")
        elif target == "SD" and _established(scans[:i], found, confirm, days, between, unknown):
            found.append("PR")
        else:
            found.append(target)
    return found


def _established(
    scans: list[dict[str, Any]], found: list[str], confirm: bool, days: float, between: int, unknown: int
) -> bool:
    """Whether a response holds by now: any pair far enough apart with little in between."""
    good = [i for i, r in enumerate(found) if r in ("CR", "PR")]
    if not confirm:
        return bool(good)
    return any(_pair(scans, found, a, b, ("CR", "PR"), days, between, unknown) for a in good for b in good if a < b)


def _pair(
    scans: list[dict[str, Any]], found: list[str], a: int, b: int, counts: tuple[str, ...], days: float, between: int,
    unknown: int,
) -> bool:  # fmt: skip
    """Whether scan b confirms scan a."""
    if exact(scans[b]["day"]) - exact(scans[a]["day"]) < exact(days):
        return False
    stretch: list[str] = []
    for i in range(a + 1, b + 1):
        if found[i] in counts:
            if stretch.count("NE") > unknown or len(stretch) - stretch.count("NE") > between:
                return False
            stretch = []
        else:
            stretch.append(found[i])
    return True


def best(
    scans: list[dict[str, Any]], found: list[str], *, confirm: bool, days: float = 28, minimum: float = 42,
    between: int = 0, unknown: int = 1,
) -> str:  # fmt: skip
    """The best overall response."""
    if "PD" in found:
        found = found[: found.index("PD") + 1]
    for wanted, counts in (("CR", ("CR",)), ("PR", ("CR", "PR"))):
        good = [i for i, r in enumerate(found) if r in counts]
        pairs = [(a, b) for a in good for b in good if a < b]
        if good and (not confirm or any(_pair(scans, found, a, b, counts, days, between, unknown) for a, b in pairs)):
            return wanted
    if any(r in ("CR", "PR", "SD") and scans[i]["day"] - 1 >= minimum for i, r in enumerate(found)):
        return "SD"
    return "PD" if "PD" in found else "NE"

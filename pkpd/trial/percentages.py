"""Percentages and intervals as a paper prints them: do they follow from the counts, and from which?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from pkpd.arguments import at_least, checked, optional
from pkpd.errors import InputError, few, shown, warn
from pkpd.trial.proportions import clopper_pearson, denominators, numerators, percent_text
from pkpd.trial.tables import Column, read_table

if TYPE_CHECKING:
    import pandas

_NAMED = ("events", "patients", "percent", "low", "high")
MOST = 100_000
PRINTED = (
    Column("what", "text", "what is counted", also=("term", "item")),
    Column("events", "whole", "patients with it", required=False, filled=False, low=0, also=("n", "count")),
    Column(
        "patients",
        "whole",
        "patients at risk",
        required=False,
        filled=False,
        low=1,
        high=MOST,
        also=("denominator", "total"),
    ),
    Column("percent", "number", "printed percentage", required=False, filled=False, low=0, high=100, also=("pct",)),
    Column("low", "number", "printed lower limit, %", required=False, filled=False, low=0, high=100),
    Column("high", "number", "printed upper limit, %", required=False, filled=False, low=0, high=100),
)


@checked(most=optional(at_least(1, MOST)))
def check_percentages(
    printed: Any, *, most: int | None = None, level: float = 0.95, columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    r"""Return which printed percentages and intervals do not follow from their counts, one row per finding.

    A percentage of :math:`n` patients can only be one of the :math:`n + 1` values :math:`100\,x/n`. It is compared
    with as many decimals as are printed; halves are rounded up. Printed limits are compared with Clopper and Pearson's.

    Parameters
    ----------
    printed : DataFrame, path, or mapping of column to values
        ``what``, and of ``events, patients, percent, low, high`` what is printed; empty cells were not. A percentage
        has the decimals that it is written with; of a number, zeros at its end are not known.
    most : int, optional
        Largest denominator that is tried; by default the largest number of patients in the table.
    level : float
        Coverage of the printed intervals.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        ``row, what, finding, printed, recomputed, explanation``; empty if all follows. Findings: *percentage* (does not
        follow from events and patients; the explanation names the denominators that give it), *impossible* (no count of
        so many patients gives it), *interval* (is not the exact one; the explanation names the one that it is), *more
        than all* (more events than patients).

    Raises
    ------
    InputError
        Listing all that cannot be used; if no row says enough to be checked.

    Warns
    -----
    DataWarning
        Counting rows that say too little to be checked.

    References
    ----------
    Brown NJL, Heathers JAJ. Soc Psychol Personal Sci 2017;8:363-369 (the idea, for means). Clopper CJ, Pearson ES.
    Biometrika 1934;26:404-413.
    """
    import pandas

    table = read_table(printed, PRINTED, "printed percentages", named=columns)
    if not 0 < level < 1:
        raise InputError(f"level is {shown(level)}; expected a number between 0 and 1", "check_percentages")
    for name in _NAMED:
        if name not in table:
            table[name] = np.nan
    enough = table["patients"].notna() & (table["percent"].notna() | (table["events"].notna() & table["low"].notna()))
    if not enough.any():
        raise InputError("no row has patients and a percentage, or patients, events and limits", "check_percentages")
    if not enough.all():
        rest = table["row"][~enough]
        warn(f"{len(rest)} of {len(table)} rows say too little to be checked: row {few(rest)}")
    largest = int(most) if most is not None else int(np.nanmax(table["patients"]))
    rows: list[tuple[Any, ...]] = []
    for row in table[enough].to_dict("records"):
        found = _of_row(row, largest, level)
        rows += [(row["row"], row["what"], *one) for one in found]
    return pandas.DataFrame(rows, columns=["row", "what", "finding", "printed", "recomputed", "explanation"])


def _of_row(row: dict[str, Any], most: int, level: float) -> list[tuple[str, str, str, str]]:
    """What does not follow in one row: finding, as printed, recomputed, explanation."""
    n, percent = int(row["patients"]), row["percent"]
    text = "" if np.isnan(percent) else f"{percent:g}"
    decimals = len(text.partition(".")[2])
    if np.isnan(row["events"]):
        if numerators(n, text):
            return []
        others = list(islice((size for size in range(1, most + 1) if numerators(size, text)), 6))
        listed = f"{few(others[:5])}{' and more' if len(others) > 5 else ''}"
        why = f"some count of {listed} gives it" if others else f"no count of up to {most} patients gives it"
        return [("impossible", f"{text} % of {n}", "", why)]
    x = int(row["events"])
    if x > n:
        return [("more than all", f"{x} of {n}", "", "there are more events than patients")]
    found = []
    if text and percent_text(x, n, decimals) != text:
        others = denominators(x, text, most)
        why = f"follows from a denominator of {few(others)}" if others else "follows from none"
        found.append(("percentage", f"{x}/{n} ({text} %)", f"{x}/{n} = {percent_text(x, n, decimals)} %", why))
    if not np.isnan([row["low"], row["high"]]).any():
        limits = f"{row['low']:g}", f"{row['high']:g}"
        exact = clopper_pearson(x, n, level)
        if not _same(exact, limits):
            named = [name for name, ends in _others(x, n, level).items() if _same(ends, limits)]
            why = f"it is {named[0]}'s" if named else "neither exact nor Wilson's nor Wald's"
            again = f"{100 * exact[0]:.3f}–{100 * exact[1]:.3f}"
            found.append(("interval", f"{limits[0]}–{limits[1]}", again, why))
    return found


def _same(ends: tuple[float, float], limits: tuple[str, str]) -> bool:
    """Whether both ends are the printed ones, with as many decimals as those have."""
    return all(
        abs(100 * end - float(text)) <= 0.5 * 10.0 ** -len(text.partition(".")[2]) + 1e-9
        for end, text in zip(ends, limits, strict=True)
    )


def _others(x: int, n: int, level: float) -> dict[str, tuple[float, float]]:
    """Intervals that papers print, too."""
    z, p = float(ndtri(0.5 + level / 2)), x / n
    middle, reach = (p + z * z / (2 * n)) / (1 + z * z / n), z * np.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    reach /= 1 + z * z / n
    wald = z * np.sqrt(p * (1 - p) / n)
    return {"Wilson": (middle - reach, middle + reach), "Wald": (max(p - wald, 0.0), min(p + wald, 1.0))}

"""What does not agree within a printed table of incidences: found and said, never repaired."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError, shown
from pkpd.trial.proportions import denominators
from pkpd.trial.tables import Column, read_table
from pkpd.trial.toxicity.incidence import whole

if TYPE_CHECKING:
    import pandas

_MOST = 100_000  # denominators that are tried for a percentage
_PARTS = ("any", "grade3", "grade4")
PRINTED = (
    Column("term", "text", "toxicity"),
    Column("N", "whole", "patients", low=0, high=_MOST, also=("n",)),
    *(Column(f"{part}_{what}", "number", f"{part}, {what}", filled=False, required=part == "any", low=0)
      for part in _PARTS for what in ("n", "pct")),
    Column("kind", "text", "clinical or laboratory", required=False, filled=False),
)  # fmt: skip


@checked
def check_incidence(
    printed: Any,
    *,
    patients: int | None = None,
    at_least: Mapping[str, float] | None = None,
    columns: Mapping[str, str] | None = None,
) -> pandas.DataFrame:
    """Return what does not agree within a printed table of incidences, one row per finding.

    Parameters
    ----------
    printed : DataFrame, path, or mapping
        ``term, N, any_n, any_pct``, and ``grade3_n, grade3_pct, grade4_n, grade4_pct, kind``; percentages are whole.
    patients : int, optional
        How many the trial had.
    at_least : mapping of kind to percent, optional
        The rule by which the table says it chose its rows, ``{"laboratory": 50}``.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        ``row, term, finding, printed, recomputed, explanation``. Findings: *percentage* (does not follow from count
        and N; the explanation names the denominators that give it), *repeated* (the same numbers under one term
        twice), *affected* (everybody in the row has it, and N is smaller than the trial: N looks like the count of
        those affected), *mostly severe* (more than half of those affected have grade 3 or 4), *below the rule* (with
        all patients as denominator the row would not belong in the table),
        *more than all* (counts of grades above those of any, or above N).

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    import pandas

    table = read_table(printed, PRINTED, "printed incidences", named=columns)
    rule = dict(at_least or {})
    if patients is not None and not 0 <= patients <= _MOST:
        raise InputError(f"patients is {shown(patients)}; expected a whole number from 0 to {_MOST}", "check_incidence")
    unknown = [kind for kind in rule if "kind" not in table or kind not in {*table["kind"]}]
    if unknown:
        raise InputError([f"at_least names {shown(kind)}, of which the table has no row" for kind in unknown],
                         "check_incidence")  # fmt: skip
    most = int(patients) if patients is not None else int(np.nanmax(table["N"], initial=0))
    rows: list[tuple[Any, ...]] = []
    seen: dict[tuple[Any, ...], int] = {}
    for row in table.to_dict("records"):
        counts = [row.get(f"{part}_n", np.nan) for part in _PARTS]
        for part, count in zip(_PARTS, counts, strict=True):
            percent = row.get(f"{part}_pct", np.nan)
            if np.isnan(count) or np.isnan(percent):
                continue
            right = whole(100 * count / row["N"]) if row["N"] else "–"
            if f"{percent:g}" != right:
                fits = denominators(int(count), f"{percent:g}", most)
                said = f"follows from a denominator of {', '.join(map(str, fits))}" if fits else "follows from none"
                rows.append((row["row"], row["term"], "percentage", f"{part}: {count:g} ({percent:g} %)",
                             f"{count:g}/{row['N']:g} = {right} %", said))  # fmt: skip
        if np.nansum(counts[1:]) > counts[0] or counts[0] > row["N"]:
            rows.append((row["row"], row["term"], "more than all", ", ".join(f"{c:g}" for c in counts), "",
                         "grades are disjoint, and each is of the patients with any"))  # fmt: skip
        if counts[0] == row["N"] and row["N"] < most:
            rows.append((row["row"], row["term"], "affected", f"N = {row['N']:g}, any {counts[0]:g}",
                         f"{counts[0]:g}/{most} = {whole(100 * counts[0] / most)} %",
                         "N looks like the number of those affected"))  # fmt: skip
            limit = rule.get(row.get("kind", ""))
            if limit is not None and 100 * counts[0] / most < limit:
                rows.append((row["row"], row["term"], "below the rule", f"≥ {limit:g} %",
                             f"{counts[0]:g}/{most} = {whole(100 * counts[0] / most)} %",
                             "would not belong in the table if N were the count of those affected"))  # fmt: skip
        severe = np.nansum(counts[1:])
        if severe > counts[0] / 2:
            rows.append((row["row"], row["term"], "mostly severe", f"grade 3 or 4: {severe:g}, any: {counts[0]:g}", "",
                         "not mostly grade 1 or 2"))  # fmt: skip
        numbers = tuple(-1 if np.isnan(one) else one for one in (row["N"], *counts))
        key = (row["term"].casefold().partition("(")[0].strip(), *numbers)
        if key in seen:
            rows.append((row["row"], row["term"], "repeated", f"as in row {seen[key]}", "", "the row stands twice"))
        seen.setdefault(key, row["row"])
    return pandas.DataFrame(rows, columns=["row", "term", "finding", "printed", "recomputed", "explanation"])

"""Rows of Table 2: every percentage from its counts, and worst lymphopenia of virtual patients beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from pkpd.il21.comparison.rows import DIFFERS, SAME, Row, by_interval, follows
from pkpd.il21.comparison.source import Printed
from pkpd.trial import criteria, incidence_table
from pkpd.trial.proportions import prediction_interval

TABLE2, WORST = "toxicity (Table 2)", "worst lymphopenia"
_PARTS = (("any", "any"), ("grade3", "grade 3"), ("grade4", "grade 4"))


def toxicity(paper: Printed) -> Iterator[Row]:
    """Yield the rows of Table 2 as `incidence_table` prints them from patients with these worst grades."""
    import pandas

    printed = paper.toxicity.fillna({f"{part}_n": 0 for part, _ in _PARTS})
    worst = [
        (f"{term} {k}", term, grade)
        for term, counts in zip(printed["term"], printed[[f"{p}_n" for p, _ in _PARTS]].to_numpy(int), strict=True)
        for k, grade in enumerate(_grades(*counts.tolist()))
    ]
    made = incidence_table(
        pandas.DataFrame(worst, columns=["subject", "term", "grade"]),
        patients=dict(zip(printed["term"], printed["N"].astype(int).tolist(), strict=True)),
    )
    cells = made.table().set_index("term")
    numbers = made.counts.set_index("term")
    for row in printed.to_dict("records"):
        term, n = row["term"], int(row["N"])
        published = [_printed(row, part) for part, _ in _PARTS]
        computed = cells.loc[term, [name for _, name in _PARTS]].tolist()
        apart = [name for (_, name), one, other in zip(_PARTS, published, computed, strict=True) if one != other]
        low, high = numbers.loc[term, ["any low", "any high"]]
        why = f"{', '.join(apart)}: the percentage is not that of {n} patients; " if apart else ""
        yield Row(TABLE2, f"{term}, of {n}: any, grade 3, grade 4", ", ".join(published), ", ".join(computed),
                  "recomputed", DIFFERS if apart else SAME,
                  f"{why}95 % interval of any [{low:.1f}–{high:.1f}] %")  # fmt: skip
    yield from _mild(printed)
    for term in ("Lymphopenia", "Hypophosphatemia"):
        row = printed[printed["term"] == term].iloc[0]
        severe, n = int(row["grade3_n"] + row["grade4_n"]), int(row["N"])
        given = f"grade 3 {int(row['grade3_n'])}, grade 4 {int(row['grade4_n'])}"
        share = f"{severe}/{n} = {100 * severe / n:.0f} %"
        yield follows(TABLE2, f"{term}: grade 3 or 4", given, share, "the grades are disjoint")


def _grades(any_n: int, grade3: int, grade4: int) -> list[int]:
    """Worst grades with these counts; what is neither 3 nor 4 counts as 1."""
    return [4] * grade4 + [3] * grade3 + [1] * (any_n - grade3 - grade4)


def _printed(row: dict[str, Any], part: str) -> str:
    count, percent = int(row[f"{part}_n"]), row[f"{part}_pct"]
    if count == 0:
        return "0"
    return str(count) if np.isnan(percent) else f"{count} ({percent:g} %)"


def _mild(printed: Any) -> Iterator[Row]:
    """Tests without a grade 2 in CTCAE v3.0: what is neither grade 3 nor 4 is grade 1."""
    limits = criteria("CTCAE v3.0").table
    for term, test in (("Hyponatremia", "sodium"), ("Hyperuricemia", "uric acid")):
        own = limits[(limits["test"] == test) & (limits["term"].str.casefold() == term.casefold())]
        row = printed[printed["term"] == term].iloc[0]
        mild = int(row["any_n"] - row["grade3_n"] - row["grade4_n"])
        has_two = bool((own["grade"] == 2).any())
        name = "grade 1 or 2" if has_two else "grade 1"
        yield follows(TABLE2, f"{term}: {name}", f"any {int(row['any_n'])} of {int(row['N'])}",
                      f"{mild} of {int(row['any_n'])}",
                      "CTCAE v3.0 has a grade 2 of it" if has_two else "CTCAE v3.0 has no grade 2 of it")  # fmt: skip


def lymphopenia(paper: Printed, shares: dict[str, float], subjects: int) -> Iterator[Row]:
    """Yield published counts of lymphopenia beside the shares of virtual patients (`il21.virtual_trial`)."""
    row = paper.toxicity[paper.toxicity["term"] == "Lymphopenia"].iloc[0]
    n = int(row["N"])
    for part, name in _PARTS:
        count, p = int(row[f"{part}_n"]), shares[name] / 100
        low, high = prediction_interval(n, p)
        error = 100 * math.sqrt(p * (1 - p) / subjects)
        yield Row(WORST, f"{name}, of {n}", f"{count} ({row[f'{part}_pct']:g} %)",
                  f"{shares[name]:.1f} ± {error:.1f} %", "calibrated", by_interval(count, low, high),
                  f"90 % prediction interval of the count {low}–{high}; {subjects} SYNTHETIC patients")  # fmt: skip


__all__ = ["lymphopenia", "toxicity"]

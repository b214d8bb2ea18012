"""Worst grades of patients, and the shift from baseline to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError, nearest, shown
from pkpd.trial.recist.scans import SUBJECT, provenance
from pkpd.trial.tables import Column, read_table
from pkpd.trial.toxicity.values import DAY

if TYPE_CHECKING:
    import pandas

COURSE = Column("course", "text", "course of treatment", required=False, filled=False, also=("cycle", "aperiod"))
TERM = Column("term", "text", "name of the toxicity", filled=False, also=("aedecod", "aeterm"))
GRADE = Column("grade", "number", "grade, 0 for none; empty: not known", filled=False, low=0, high=5,
               also=("aetoxgr", "atoxgr"))  # fmt: skip
GRADED = (
    SUBJECT,
    TERM,
    GRADE,
    DAY,
    COURSE,
    Column("lowest", "number", "smallest grade that it can be", required=False, filled=False, low=0, high=5),
    Column("highest", "number", "largest grade that it can be", required=False, filled=False, low=0, high=5),
    Column("is_baseline", "flag", "the value before treatment", required=False),
)
WHICH = ("post-baseline", "treatment-emergent")


def read_grades(graded: Any, named: Mapping[str, str] | None) -> pandas.DataFrame:
    """Return graded rows with ``lowest`` and ``highest``, where they were not given those of the grade itself.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    table = read_table(graded, GRADED, "grades", named=named)
    wrong = table[table["grade"].notna() & (table["grade"] % 1 != 0)]
    if len(wrong):
        rows = wrong[["row", "subject", "grade"]].itertuples(index=False)
        raise InputError(
            [f"row {row}, subject {who}: grade {g:g} is not a whole number" for row, who, g in rows], "grades"
        )
    for name in ("lowest", "highest"):
        table[name] = table[name].fillna(table["grade"]) if name in table else table["grade"]
    for name, empty in (("day", np.nan), ("is_baseline", False)):
        if name not in table:
            table[name] = empty
    return table[table["term"] != ""].reset_index(drop=True)


@checked
def worst_grades(
    graded: Any,
    *,
    by: Sequence[str] = ("subject", "term"),
    which: str = "post-baseline",
    columns: Mapping[str, str] | None = None,
) -> pandas.DataFrame:
    """Return the worst grade of each patient and term, with the range of what it can be.

    Parameters
    ----------
    graded : DataFrame, path, or mapping
        Rows of `grades`, or of adverse events: ``subject, term, grade``, and ``day, course, is_baseline``.
    by : sequence of str
        What a worst grade belongs to; ``("subject", "course", "term")`` for one a course.
    which : {"post-baseline", "treatment-emergent"}
        Every row that is no baseline; or the worst only where it is worse than the baseline, and else 0.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        ``by``, ``grade`` (NaN where ``lowest`` and ``highest`` differ, or nothing was measured), ``lowest, highest,
        baseline`` (grade before treatment), ``values`` (how many were graded), ``day`` (of the first row as bad as
        ``lowest``). A patient and term with a baseline only is there, with NaN.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    import pandas

    table = read_grades(graded, columns)
    problems = [f"there is no column {shown(name)}; {nearest(name, table.columns)}" for name in by if name not in table]
    if which not in WHICH:
        problems.append(f"which is {shown(which)}; expected {' or '.join(WHICH)}")
    if not by or "subject" not in by:
        problems.append("by must name 'subject'")
    if problems:
        raise InputError(problems, "worst_grades")
    keys = [*dict.fromkeys(by)]
    # A row before the baseline says nothing of treatment.
    before = table["is_baseline"] | before_baseline(table)
    after = table[~before].sort_values("day", kind="stable")
    everyone = table.drop_duplicates(keys)[keys]
    known = after[after["lowest"].notna()]
    found = known.groupby(keys, sort=False).agg(lowest=("lowest", "max"), highest=("highest", "max"),
                                                values=("lowest", "size"))  # fmt: skip
    result = everyone.merge(found.reset_index(), on=keys, how="left")
    reached = known.merge(found.reset_index()[[*keys, "lowest"]], on=[*keys, "lowest"])
    result = result.merge(reached.drop_duplicates(keys)[[*keys, "day"]], on=keys, how="left")
    own = [key for key in ("subject", "term") if key in keys]
    first = table[table["is_baseline"]].groupby(own, sort=False)[["grade", "lowest", "highest"]].max()
    first.columns = pandas.Index(["baseline", "base_low", "base_high"])
    result = result.merge(first.reset_index(), on=own, how="left")
    if which == "treatment-emergent":
        # A baseline of grade 1 to 3 leaves open whether a later grade 2 is worse.
        none = (result["highest"] <= result["base_low"]).to_numpy(bool)
        maybe = ~none & (result["lowest"] <= result["base_high"]).to_numpy(bool)
        result.loc[none, ["lowest", "highest"]] = 0.0
        result.loc[maybe, "lowest"] = 0.0
    result["grade"] = result["lowest"].where(result["lowest"] == result["highest"])
    result["values"] = result["values"].fillna(0).astype(int)
    result = pandas.DataFrame(result[[*keys, "grade", "lowest", "highest", "baseline", "values", "day"]])
    result.attrs.update(provenance(graded), which=which)
    return result


def before_baseline(table: pandas.DataFrame) -> pandas.Series:
    """Say which rows come before the baseline of their patient and term: on an earlier day, or the same and above it.

    Rows of one day are in the order of the table, as where the last value up to day 1 is the baseline.
    """
    keys = [table["subject"], table["term"]]
    day = table["day"].where(table["is_baseline"]).groupby(keys).transform("max")
    place = table["row"].where(table["is_baseline"]).groupby(keys).transform("max")
    return (table["day"] < day) | ((table["day"] == day) & (table["row"] < place))


@checked
def shift_table(
    graded: Any, *, which: str = "post-baseline", columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    """Return how many patients went from which grade at baseline to which worst grade.

    Parameters
    ----------
    graded, which, columns
        See `worst_grades`.

    Returns
    -------
    DataFrame
        Index ``term, baseline`` ("0" … "4", "not known"), columns the worst grades "0" … "4" and "not known", "total".
        Every patient with a row of the term is counted once.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    import pandas

    worst = worst_grades(graded, which=which, columns=columns)
    steps = [*range(5 if not (worst[["grade", "baseline"]] == 5).any(axis=None) else 6)]
    labels = [*map(str, steps), "not known"]
    place = {name: np.array([_label(g) for g in worst[name]], dtype=object) for name in ("baseline", "grade")}
    terms = list(dict.fromkeys(worst["term"]))
    counts = pandas.crosstab([worst["term"], place["baseline"]], place["grade"])
    rows = pandas.MultiIndex.from_product([terms, labels], names=["term", "baseline"])
    table = counts.reindex(index=rows, columns=labels, fill_value=0)
    table["total"] = table.sum(axis=1)
    table.columns.name = "worst grade"
    table.attrs.update(worst.attrs)
    return table


def _label(grade: float) -> str:
    return "not known" if np.isnan(grade) else str(int(grade))

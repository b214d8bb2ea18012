"""The table of incidences as papers print it: any grade, grade 3, grade 4, each row with its own denominator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError, shown, warn
from pkpd.trial.proportions import clopper_pearson
from pkpd.trial.recist.rates import COUNT
from pkpd.trial.recist.scans import SUBJECT, provenance
from pkpd.trial.rendering import as_html, as_latex
from pkpd.trial.tables import Column, read_table
from pkpd.trial.toxicity.worst import GRADE, TERM

if TYPE_CHECKING:
    import pandas

WORST = (SUBJECT, TERM, GRADE, Column("kind", "text", "clinical or laboratory", required=False, filled=False))


@dataclass(frozen=True, eq=False)
class IncidenceTable:
    """Incidences by term and grade.

    Attributes
    ----------
    counts : DataFrame
        One row per term: ``kind`` (where given), ``term, N`` (patients with a known grade), ``any, grade 1`` … patients
        whose worst grade it is, ``any percent`` …, ``unknown`` (patients without a known grade).
    shown_grades : tuple of int
        Which grades are printed beside "any".
    note : str
        What was left out, by which rule.
    """

    counts: pandas.DataFrame
    shown_grades: tuple[int, ...]
    note: str

    def table(self) -> pandas.DataFrame:
        """Return the printed table: ``term, N, any, grade 3, grade 4``, each a text "16 (48 %)"."""
        import pandas

        rows: dict[str, list[str]] = {"kind": list(self.counts["kind"])} if "kind" in self.counts else {}
        rows["term"] = [str(term) for term in self.counts["term"]]
        rows["N"] = [str(n) for n in self.counts["N"]]
        for name in ("any", *(f"grade {g}" for g in self.shown_grades)):
            pairs = zip(self.counts[name], self.counts[f"{name} percent"], strict=True)
            rows[name] = [f"{count} ({whole(percent)} %)" if count else "0" for count, percent in pairs]
        return pandas.DataFrame(rows)

    def text(self) -> str:
        """Return the printed table as text."""
        lines = self.table().to_string(index=False)
        return f"{lines}\n{self.note}" if self.note else lines

    def html(self) -> str:
        """Return the printed table as HTML, made by great_tables where it is installed (extra ``trial``)."""
        return as_html(self.table(), self.note, group="kind")

    def latex(self) -> str:
        """Return the printed table as a LaTeX ``tabular`` (plain rules, no package needed)."""
        return as_latex(self.table(), self.note, words=("kind", "term"))

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return self.text()


def whole(percent: float) -> str:
    """A percentage as papers print it, halves rounded up; NaN is "–"."""
    return "–" if np.isnan(percent) else str(int(np.floor(percent + 0.5)))


@checked
def incidence_table(
    worst: Any,
    *,
    patients: int | Mapping[str, int] | None = None,
    at_least: float = 0.0,
    grades: Sequence[int] = (3, 4),
    level: float = 0.95,
    columns: Mapping[str, str] | None = None,
) -> IncidenceTable:
    """Return how many patients had each toxicity, at any grade and at each: the grades are disjoint.

    Parameters
    ----------
    worst : DataFrame, path, or mapping
        One row per patient and term, as `worst_grades` returns it; of adverse events the worst of several rows counts.
    patients : int or mapping of term to int, optional
        Who could have had it: a patient without a row had none. Without it, of each term, those with a known grade.
    at_least : float
        Rows below this percentage (of any grade) are left out, and counted in the note.
    grades : sequence of int
        Which are printed.
    level : float
        Of the exact intervals in ``counts``: ``any low, any high`` (percent; Clopper and Pearson).
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    IncidenceTable
        With ``counts``, ``table()``, ``text()``, ``html()``, ``latex()``. Most frequent first, within each kind.

    Raises
    ------
    InputError
        Listing all that cannot be used; if a term has more patients than there are.

    Warns
    -----
    DataWarning
        Counting patients whose grade is not known; they are not in the denominator.
    """
    import pandas

    table = read_table(worst, WORST, "worst grades", named=columns)
    table = table[table["term"] != ""]
    problems = [] if 0 <= at_least <= 100 else [f"at_least is {shown(at_least)}; expected 0 to 100 %"]
    if not 0 < level < 1:
        problems.append(f"level is {shown(level)}; expected a number between 0 and 1")
    problems += [f"grade {shown(g)} is none of 1 to 5" for g in grades if g not in range(1, 6)]
    if isinstance(patients, Mapping):
        problems += [f"patients of {shown(term)}: {shown(n)}; expected {COUNT.words}"
                     for term, n in patients.items() if not COUNT.accepts(n)]  # fmt: skip
        terms = {*table["term"]}
        problems += [f"patients of {shown(term)}, of which there is no row" for term in patients if term not in terms]
    by = ["kind", "term"] if "kind" in table else ["term"]
    rows: list[dict[str, Any]] = []
    lost = 0
    for key, part in table.groupby(by, sort=False):
        own = part.groupby("subject", sort=False)["grade"].max()
        known = own.dropna()
        size = patients.get(key[-1], len(known)) if isinstance(patients, Mapping) else patients
        unknown = len(own) - len(known)
        lost += unknown
        n = len(known) if size is None else int(size) - unknown
        if n < len(known):
            problems.append(f"{key[-1]}: {len(own)} patients have a row, of {int(size or 0)}")
            continue
        row: dict[str, Any] = {**dict(zip(by, key, strict=True)), "N": n}
        counted = {"any": int((known >= 1).sum()), **{f"grade {g}": int((known == g).sum()) for g in range(1, 6)}}
        for name, count in counted.items():
            row[name], row[f"{name} percent"] = count, 100.0 * count / n if n else np.nan
        low, high = clopper_pearson(row["any"], n, level) if n and 0 < level < 1 else (np.nan, np.nan)
        rows.append({**row, "any low": 100 * low, "any high": 100 * high, "unknown": unknown})
    if problems:
        raise InputError(problems, "incidence_table")
    if lost:
        warn(f"{lost} worst grades are not known; these patients are in no denominator of their term")
    made = pandas.DataFrame(rows)
    note = ""
    if at_least and len(made):
        keep = ~(made["any percent"] < at_least).to_numpy(bool)
        note = f"{int((~keep).sum())} of {len(made)} terms below {at_least:g} % are left out."
        made = made[keep]
    if len(made):
        order = np.argsort(-made["any percent"].to_numpy(), kind="stable")
        made = made.iloc[order]
        if "kind" in made:
            first = {kind: k for k, kind in enumerate(dict.fromkeys(table["kind"]))}
            made = made.sort_values("kind", key=lambda kinds: kinds.map(first), kind="stable")
        made = made.reset_index(drop=True)
    made.attrs.update(provenance(worst), interval="Clopper-Pearson", level=level)
    return IncidenceTable(made, tuple(dict.fromkeys(int(g) for g in grades)), note)

"""Two reviewers of the same scans: how often they agree, how often by chance, and about whom they do not."""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import SOME_LABELS, at_least, checked
from pkpd.errors import InputError, few, shown
from pkpd.trial.extras import need_statsmodels
from pkpd.trial.recist.rates import BEST, UNAVAILABLE
from pkpd.trial.recist.rules import RESPONSES
from pkpd.trial.recist.scans import one_reviewer
from pkpd.trial.tables import read_table

if TYPE_CHECKING:
    import pandas

NOT_JUDGED = (UNAVAILABLE, "NE")
COUNT = at_least(0)


@dataclass(frozen=True, eq=False)
class Agreement:
    """What `reviewer_agreement` found.

    Attributes
    ----------
    reviewers : tuple of str
        The two; rows and columns of `matrix`.
    matrix : DataFrame
        Patients by the response that each of the two said.
    judged, agreed : int
        Patients whom both judged, and of whom they said the same.
    kappa, se, low, high : float
        Cohen's kappa of the patients whom both judged, its standard error and 95 % interval (cut at −1 and 1);
        NaN with a `reason`.
    discordant : DataFrame
        Patients about whom they differ: ``subject`` and what each of them said.
    one_only : DataFrame
        Patients whom only one of them judged; they are in no rate.
    reason : str
        Why there is no kappa, "" where there is one.
    """

    reviewers: tuple[str, str]
    matrix: pandas.DataFrame
    judged: int
    agreed: int
    kappa: float
    se: float
    low: float
    high: float
    discordant: pandas.DataFrame
    one_only: pandas.DataFrame
    reason: str = ""

    def table(self) -> pandas.DataFrame:
        """Return one row with the numbers."""
        import pandas

        share = 100.0 * self.agreed / self.judged if self.judged else float("nan")
        return pandas.DataFrame([{
            "reviewers": " and ".join(self.reviewers), "judged": self.judged, "agreed": self.agreed, "percent": share,
            "kappa": self.kappa, "se": self.se, "low": self.low, "high": self.high, "one_only": len(self.one_only),
            "reason": self.reason}])  # fmt: skip

    def summary(self) -> str:
        """Return what was found, in words."""
        first, second = self.reviewers
        lines = [f"{first} and {second} judged {self.judged} patients and agree on {self.agreed}."]
        if self.reason:
            lines.append(f"No kappa: {self.reason}.")
        else:
            lines.append(f"Cohen's kappa {self.kappa:.3f} (95 % interval {self.low:.3f} to {self.high:.3f}).")
        if len(self.one_only):
            lines.append(f"{len(self.one_only)} patients were judged by one of them only and are not counted.")
        lines += [f"  subject {row[0]}: {row[1]}, {row[2]}" for row in self.discordant.itertuples(index=False)]
        return "\n".join(lines)

    __str__ = __repr__ = summary

    def _repr_html_(self) -> str:
        return f"{self.matrix.to_html()}<pre>{html.escape(self.summary())}</pre>"


@checked(not_judged=SOME_LABELS)
def reviewer_agreement(
    best: Any, *, not_judged: Collection[str] = NOT_JUDGED, columns: Mapping[str, str] | None = None
) -> Agreement:
    r"""Return how far two reviewers agree on the best responses of the same patients.

    With the share :math:`p_o` of patients of whom both said the same and the share :math:`p_e` that chance alone would
    give, :math:`\kappa = (p_o - p_e) / (1 - p_e)`.

    Parameters
    ----------
    best : DataFrame, path, or mapping of column to values
        One row per patient and reviewer: ``subject, reviewer, response``.
    not_judged : collection of str
        Responses that say only that nobody could judge; such a patient counts as not judged.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    Agreement
        Numbers, the matrix, and every patient about whom they differ.

    Raises
    ------
    InputError
        Listing all that cannot be used; if there are not two reviewers.

    References
    ----------
    Cohen J. Educ Psychol Meas 1960;20:37-46. Fleiss JL, Cohen J, Everitt BS. Psychol Bull 1969;72:323-327 (the SE).
    """
    import pandas

    wanted = [column for column in BEST if column.name != "arm"]
    table = read_table(
        best, wanted, "best responses", named=columns, unique=("subject", "reviewer"), checks=(one_reviewer, _not_two)
    )
    reviewers = list(dict.fromkeys(table["reviewer"]))
    wide = table.pivot(index="subject", columns="reviewer", values="response")[reviewers]
    known = wide.notna() & ~wide.isin([str(name) for name in not_judged])
    both = wide[known.all(axis=1)]
    names = [name for name in RESPONSES if (both == name).any(axis=None)]
    one, other = both[reviewers[0]], both[reviewers[1]]
    counts = np.array([[int(((one == a) & (other == b)).sum()) for b in names] for a in names])
    matrix = pandas.DataFrame(counts.reshape(len(names), len(names)), index=names, columns=names)
    matrix.index.name, matrix.columns.name = reviewers[0], reviewers[1]
    kappa, se, low, high, reason = _kappa(matrix.to_numpy(float))
    differ = both[one != other].reset_index()
    single = wide[known.sum(axis=1) == 1].reset_index()
    for part in (differ, single):
        part.columns.name = None
    return Agreement(
        (reviewers[0], reviewers[1]), matrix, len(both), len(both) - len(differ), kappa, se, low, high, differ, single,
        reason,
    )  # fmt: skip


def _not_two(table: pandas.DataFrame) -> list[str]:
    """The problem that there are not two reviewers."""
    names = list(dict.fromkeys(one for one in table["reviewer"] if one)) if "reviewer" in table else []
    said = few(names) or "no column 'reviewer'"
    return [] if len(names) == 2 else [f"{len(names)} reviewers ({said}); expected two"]


def _kappa(matrix: Any) -> tuple[float, float, float, float, str]:
    """Kappa with its standard error and 95 % interval, or why there is none."""
    nothing = (float("nan"),) * 4
    total = matrix.sum()
    if total == 0:
        return *nothing, "no patient was judged by both"
    if (matrix.sum(axis=0) * matrix.sum(axis=1)).sum() == total**2:
        return *nothing, "both gave every patient the same response, so that chance explains all"
    need_statsmodels("reviewer_agreement")
    from statsmodels.stats.inter_rater import cohens_kappa

    with np.errstate(all="ignore"):  # its test of no agreement divides by 0 in small tables
        found = cohens_kappa(matrix)
    se = float(found.std_kappa)
    return float(found.kappa), se, max(float(found.kappa_low), -1.0), min(float(found.kappa_upp), 1.0), ""


@checked(not_judged=SOME_LABELS)
def agreement_bound(
    first: Mapping[str, int], second: Mapping[str, int], *, not_judged: Collection[str] = NOT_JUDGED
) -> pandas.DataFrame:
    r"""Return the bounds of agreement that the totals of two reviewers allow; the agreement itself needs the patients.

    At most :math:`\sum_k \min(a_k, b_k)` patients can have the same response from both, at least
    :math:`\sum_k \max(0, a_k + b_k - n)`. What chance gives, :math:`\sum_k a_k b_k / n^2`, follows from the totals, and
    with it the bounds of kappa.

    Parameters
    ----------
    first, second : mapping of response to int
        How many patients each reviewer gave which response; both sum to n.
    not_judged : collection of str
        Responses that are no agreement if both say them.

    Returns
    -------
    DataFrame
        Rows ``lowest`` and ``highest``: ``agreed, patients, percent, kappa``.

    Raises
    ------
    InputError
        If counts are no whole numbers ≥ 0, or the two sums differ.
    """
    import pandas

    problems = [
        f"{name}, {shown(key)}: {shown(count)}; expected {COUNT.words}"
        for name, given in (("first", first), ("second", second))
        for key, count in given.items()
        if not COUNT.accepts(count)
    ]
    if problems:
        raise InputError(problems, "agreement_bound")
    total, other = sum(first.values()), sum(second.values())
    if total != other or total < 1:
        raise InputError(
            f"the totals are {total} and {other} patients; expected the same, at least 1", "agreement_bound"
        )
    left_out = {str(name) for name in not_judged}
    names = [name for name in dict.fromkeys([*first, *second]) if name not in left_out]
    a, b = (np.array([given.get(name, 0) for name in names], dtype=float) for given in (first, second))
    chance = float((a * b).sum()) / total**2
    rows = {"lowest": np.maximum(0.0, a + b - total).sum(), "highest": np.minimum(a, b).sum()}
    return pandas.DataFrame([
        {"bound": name, "agreed": int(agreed), "patients": total, "percent": 100.0 * agreed / total,
         "kappa": (agreed / total - chance) / (1.0 - chance) if chance < 1 else float("nan")}
        for name, agreed in rows.items()
    ]).set_index("bound")  # fmt: skip

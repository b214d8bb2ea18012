"""The whole comparison: every row, what does not agree within the paper, and how it is shown."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pkpd.arguments import at_least, checked
from pkpd.il21.comparison.rows import AGREEMENTS, APART, KINDS, Finding, Row
from pkpd.il21.comparison.source import Printed, printed
from pkpd.il21.patients import SYNTHETIC, exposure_by_day, responses, synthetic_study, virtual_trial
from pkpd.trial.rendering import as_html, as_latex

if TYPE_CHECKING:
    import pandas

_WORDS = ("part", "what", "published", "computed", "kind", "agreement", "why", *Finding._fields)


@dataclass(frozen=True, eq=False)
class PaperComparison:
    """The paper's numbers beside computed ones.

    Attributes
    ----------
    rows : DataFrame
        ``part, what, published, computed, kind, agreement, why``, all texts. ``published`` in parentheses does not
        stand in the paper, but is what the row follows from. Kinds: *input*, *calibrated* (tuned to, no evidence for
        the model), *predicted* (neither), *recomputed* (arithmetic on what is printed), *cannot*.
    findings : DataFrame
        What does not agree within the paper: ``place, finding, printed, recomputed, explanation, check``.
    note : str
        Source, seed, what is synthetic.
    """

    rows: pandas.DataFrame
    findings: pandas.DataFrame
    note: str

    def table(self) -> pandas.DataFrame:
        """Return the rows."""
        return self.rows.copy()

    def counts(self) -> pandas.DataFrame:
        """Return how many rows agree in which way (index), of each kind (columns)."""
        import pandas

        found = pandas.crosstab(self.rows["agreement"], self.rows["kind"])
        order = [name for name in AGREEMENTS if name in found.index]
        return found.reindex(index=order, columns=[kind for kind in KINDS if kind in found.columns])

    def differing(self) -> pandas.DataFrame:
        """Return the rows in which the paper and the computed value part."""
        return self.rows[self.rows["agreement"].isin(APART)]

    def html(self) -> str:
        """Return both tables as one page of HTML."""
        parts = [as_html(self.rows, self.note, group="part"), as_html(self.findings)]
        titles = ("The paper, and what is computed", "What does not agree within the paper")
        body = "\n".join(f"<h2>{title}</h2>\n{part}" for title, part in zip(titles, parts, strict=True))
        head = '<meta charset="utf-8"><title>Bhatia et al. 2014, recomputed</title>'
        return f"<!DOCTYPE html>\n<html><head>{head}</head><body>\n{body}\n</body></html>\n"

    def latex(self) -> str:
        """Return both tables as LaTeX (``longtable``; the package of that name is needed, and UTF-8)."""
        made = [as_latex(self.rows.drop(columns="part"), self.note, words=_WORDS, kind="longtable", wide=0.15),
                as_latex(self.findings, words=_WORDS, kind="longtable", wide=0.15)]  # fmt: skip
        return "\n\n".join(made) + "\n"

    def summary(self) -> str:
        """Return how many rows agree, those that do not, and how many disagreements the paper has in itself."""
        apart = self.differing()
        head = f"{len(self.rows)} rows, {len(apart)} of which differ; {len(self.findings)} findings within the paper"
        lines = [f"- {row.what}: {row.published}; computed {row.computed}" for row in apart.itertuples()]
        return "\n".join([head, self.counts().to_string(), *lines, self.note])

    __str__ = __repr__ = summary

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.rows.to_html(index=False)}"


@checked(seed=at_least(0), subjects=at_least(1))
def compare_with_paper(*, seed: int = 21, subjects: int = 5000) -> PaperComparison:
    """Return every number of Bhatia et al. 2014 that can be computed, beside what is published.

    What follows from printed counts and means is recomputed; NCA, lymphopenia and sCD25 come from synthetic patients;
    what needs the patients' own values cannot be computed and says so. Whether a row agrees is found by a rule: to the
    printed digits, inside an interval that the row names, or as a claim in words holds. Disagreements within the paper
    are reported, and nothing is repaired.

    Parameters
    ----------
    seed : int
        Of the synthetic patients.
    subjects : int
        Virtual patients of the trial of lymphopenia.

    Returns
    -------
    PaperComparison
        With ``rows``, ``findings``, ``counts()``, ``differing()``, ``html()``, ``latex()``.

    Raises
    ------
    InputError
        If a number is no whole number, or too small.

    References
    ----------
    Bhatia S et al. J Immunother Cancer 2014;2:2.
    """
    from pkpd.il21.comparison.findings import findings

    paper = printed()
    rows = [*from_print(paper), *from_synthetic(paper, seed, subjects)]
    note = (
        f"Bhatia et al., J Immunother Cancer 2014, 2:2. Calibrated and predicted rows: {SYNTHETIC} (seed {seed}). "
        "Published in parentheses: not printed as such, but what the row follows from."
    )
    return comparison(rows, [*findings(paper)], note)


@checked
def check_paper() -> pandas.DataFrame:
    """Return what does not agree within Bhatia et al. 2014, found by checks and not repaired.

    Returns
    -------
    DataFrame
        ``place, finding, printed, recomputed, explanation, check``, one row per finding.
    """
    import pandas

    from pkpd.il21.comparison.findings import findings

    return pandas.DataFrame([*findings(printed())], columns=Finding._fields)


def comparison(rows: list[Row], found: list[Finding], note: str) -> PaperComparison:
    """Return rows and findings as tables."""
    import pandas

    return PaperComparison(
        pandas.DataFrame(rows, columns=Row._fields), pandas.DataFrame(found, columns=Finding._fields), note
    )


def from_print(paper: Printed) -> list[Row]:
    """Return the rows that need nothing but what is printed."""
    from pkpd.il21.comparison import escalation, exposure, plan, response, toxicity

    return [
        *plan.plan(paper), *plan.patients(paper), *plan.size(paper),
        *escalation.escalation(paper), *escalation.limiting(paper),
        *toxicity.toxicity(paper), *plan.reductions(paper),
        *exposure.exposure(paper), *exposure.repetition(paper),
        *response.response(paper), *response.history(paper), *response.agents(paper), *response.models(paper),
        *response.survival(paper),
    ]  # fmt: skip


def from_synthetic(paper: Printed, seed: int, subjects: int) -> list[Row]:
    """Return the rows of synthetic patients."""
    from pkpd.il21.comparison import exposure, toxicity
    from pkpd.nca import dose_proportionality, nca

    study = synthetic_study(seed)
    result = nca(study, "IL21")
    first = result.isel(profile=(result["dose_time"] == 0.0).values)
    slope = dose_proportionality(first, ["auc_last"])["auc_last"]
    return [
        *exposure.synthetic(paper, exposure_by_day(study), slope),
        *exposure.effects(paper, responses(study)),
        *toxicity.lymphopenia(paper, virtual_trial(subjects, seed=seed), subjects),
    ]  # fmt: skip


__all__ = ["PaperComparison", "check_paper", "compare_with_paper"]

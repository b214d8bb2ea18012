"""Operating characteristics: what a design does when the true probabilities of toxicity are known."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas

from pkpd.arguments import at_least, checked, one_of
from pkpd.arrays import Array
from pkpd.errors import InputError, shown
from pkpd.trial.escalation.course import run
from pkpd.trial.escalation.states import STOP, Design
from pkpd.trial.tables import Column, read_table

METHODS = ("simulation", "exact")
_TRUE = (
    Column("dose", "number", "dose", positive=True),
    Column("toxicity", "number", "true probability of toxicity", low=0.0, high=1.0),
)


@dataclass(frozen=True, eq=False)
class OperatingCharacteristics:
    """What a design does under given probabilities of toxicity.

    Attributes
    ----------
    design : Design
        The rule.
    method : {"simulation", "exact"}
        Whether trials were drawn or probabilities summed.
    trials, seed : int
        How many were drawn, and from which seed; 0 where none were.
    unevaluable : float
        Probability that a patient cannot be evaluated and is replaced.
    assumption : str
        Where the probabilities of toxicity come from: "given", or the label of a link.
    per_dose : DataFrame
        See `table`.
    none_selected : float
        Probability that no dose is recommended.
    stopped_early : float
        Probability that the rule ends the trial before the largest number of patients.
    patients, patients_sd : float
        Mean and standard deviation of the number of evaluable patients.
    toxicities : float
        Mean number of toxicities.
    overdosed : float
        Mean share of patients at doses with a true probability of toxicity above the target (3+3: above 1/3; BLRM:
        above the target interval).
    correct : float
        Probability of recommending the dose whose true probability is nearest to the target (BLRM: to the middle of its
        interval); NaN for 3+3, which has none.
    """

    design: Design
    method: str
    trials: int
    seed: int
    unevaluable: float
    assumption: str
    per_dose: pandas.DataFrame
    none_selected: float
    stopped_early: float
    patients: float
    patients_sd: float
    toxicities: float
    overdosed: float
    correct: float

    def table(self) -> pandas.DataFrame:
        """Return one row per dose.

        ``dose``, ``toxicity`` (true), ``selected`` (probability of being recommended) and its Monte-Carlo standard
        error ``se`` (0 if exact), ``patients`` (mean number evaluable), ``treated`` (those replaced included),
        ``dlt`` (mean number), ``visited`` (probability that the dose is given at all).
        """
        return self.per_dose.copy()

    def summary(self) -> str:
        """Return the main numbers in a few lines of text."""
        how = "exact probabilities" if self.method == "exact" else f"{self.trials} simulated trials, seed {self.seed}"
        lines = [
            f"{self.design.name}: {how}",
            f"true toxicity: {self.assumption}",
            f"{self.patients:.2f} evaluable patients (SD {self.patients_sd:.2f}), {self.toxicities:.2f} toxicities",
            f"no dose {100 * self.none_selected:.2f} %, ended by the rule {100 * self.stopped_early:.2f} %, "
            f"patients at a true toxicity above {self.design.ceiling:.3g}: {100 * self.overdosed:.1f} %",
        ]
        if math.isfinite(self.correct):
            lines.append(f"recommends the dose nearest to {self.design.goal:g}: {100 * self.correct:.2f} %")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"{self.summary()}\n{self.per_dose.to_string(index=False, float_format='{:.4g}'.format)}"

    def _repr_html_(self) -> str:
        text = html.escape(self.summary()).replace("\n", "<br>")
        return f"<p>{text}</p>{self.per_dose.to_html(index=False, float_format='{:.4g}'.format)}"


@checked(trials=at_least(1, 10_000_000), seed=at_least(0), method=one_of(METHODS))
def operating_characteristics(
    design: Design,
    toxicity: Sequence[float] | Array | pandas.DataFrame,
    *,
    method: str = "simulation",
    trials: int = 100_000,
    seed: int = 1,
    unevaluable: float = 0.0,
) -> OperatingCharacteristics:
    r"""Return how often a design recommends which dose, and how many patients and toxicities it costs.

    Trials with the same patients and toxicities at every dose are carried on together. Simulation draws how many of
    them see how many toxicities in the next cohort (a multinomial draw, which is what single trials would give
    together); ``method="exact"`` multiplies probabilities instead.

    Parameters
    ----------
    design : ThreePlusThree, Boin, Crm or Blrm
        The rule.
    toxicity : sequence of float, shape (levels,), or DataFrame
        True probability of a dose-limiting toxicity at each dose; an assumption. A table has a row a dose (``dose``,
        ``toxicity``), such as `toxicity_from_exposure` returns; its label goes into the result.
    method : {"simulation", "exact"}
        For 3+3 the exact numbers are those of the closed form. Designs with small cohorts and many doses have too many
        states for exact numbers.
    trials, seed : int
        Simulated trials, and the seed of `numpy.random.default_rng`: the same seed gives the same numbers.
    unevaluable : float
        Probability that a treated patient cannot be evaluated and is replaced: the mean number treated is that of
        evaluable patients divided by 1 − `unevaluable`.

    Returns
    -------
    OperatingCharacteristics
        `table` has a row per dose.

    Raises
    ------
    InputError
        If there is not one probability per dose, a number cannot be used, or there are too many states.

    References
    ----------
    Lin Y, Shih WJ. Biostatistics 2001;2:203-215 (3+3 in closed form).
    """
    p, assumption, problems = _true(design, toxicity)
    levels = len(design.doses)
    if p.shape != (levels,):
        problems.append(f"toxicity has shape {p.shape}; expected one probability for each of {levels} doses")
    elif not ((p >= 0) & (p <= 1)).all():
        wrong = float(p[~((p >= 0) & (p <= 1))][0])
        problems.append(f"toxicity of dose {design.doses[int(np.argmax(p == wrong))]:g} is {wrong:g}; expected 0 to 1")
    if not 0 <= unevaluable < 1:
        problems.append(f"unevaluable is {shown(unevaluable)}; expected 0 ≤ unevaluable < 1")
    if problems:
        raise InputError(problems, "operating_characteristics")
    exact = method == "exact"
    ends = run(design, p, None if exact else trials, None if exact else np.random.default_rng(seed))
    share = ends.weight / ends.weight.sum()
    best = design.recommended(ends.treated, ends.toxic)
    selected = np.array([share[best == level].sum() for level in range(levels)])
    mean, totals = share @ ends.treated, ends.treated.sum(axis=1)
    per_dose = pandas.DataFrame({
        "dose": design.doses,
        "toxicity": p,
        "selected": selected,
        "se": np.zeros(levels) if exact else np.sqrt(selected * (1 - selected) / trials),
        "patients": mean,
        "treated": mean / (1 - unevaluable),
        "dlt": share @ ends.toxic,
        "visited": share @ (ends.treated > 0),
    })  # fmt: skip
    expected = float(share @ totals)
    above = (ends.treated[:, p > design.ceiling].sum(axis=1) / totals) @ share
    away = np.abs(p - (design.goal or 0.0))
    return OperatingCharacteristics(
        design, method, 0 if exact else trials, 0 if exact else seed, unevaluable, assumption, per_dose,
        float(share[best == STOP].sum()), float(share[ends.early].sum()), expected,
        math.sqrt(max(0.0, float(share @ (totals - expected) ** 2))), float(share @ ends.toxic.sum(axis=1)),
        float(above), math.nan if design.goal is None else float(selected[away <= away.min() + 1e-12].sum()),
    )  # fmt: skip


def _true(design: Design, toxicity: Any) -> tuple[Array, str, list[str]]:
    """The probabilities as an array, where they come from, and what is wrong with their table."""
    if not isinstance(toxicity, pandas.DataFrame):
        return np.asarray(toxicity, dtype=float), "given", []
    table = read_table(toxicity, _TRUE, "toxicity", unique=("dose",))
    table = table.set_index("dose")["toxicity"]
    missing = [f"{dose:g}" for dose in design.doses if dose not in table.index]
    problems = [f"toxicity has no row of dose {', '.join(missing[:5])}; expected one for each dose"] if missing else []
    labels = dict.fromkeys(map(str, toxicity["kind"])) if "kind" in toxicity else {"given": None}
    return table.reindex(design.doses, fill_value=0.0).to_numpy(dtype=float), "; ".join(labels), problems


__all__ = ["METHODS", "OperatingCharacteristics", "operating_characteristics"]

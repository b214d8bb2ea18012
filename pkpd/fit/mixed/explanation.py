"""What will be fitted, before it is: equations of individual parameters, records, numbers, rank, method, constraint."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import few
from pkpd.fit.mixed.marginal.laplacian import FOCEI, marginal
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.observed import ABOVE, BELOW, INTERVAL, MEASURED
from pkpd.study import Study

_RANK = 1e-9
_KINDS = {MEASURED: "measured", BELOW: "below a limit", ABOVE: "above a limit", INTERVAL: "between two limits"}


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a population fit would do.

    Attributes
    ----------
    equations : mapping
        Parameter → its equation in one subject.
    records : mapping
        (output, what) → how many records.
    left_out : tuple of str
        Records and subjects that do not count, and why.
    names : tuple of str
        Numbers that are estimated: parameters, then elements of Ω.
    fixed : tuple of str
        What is fixed.
    rank : int
        Rank of the information at the start: below the count of `names` where the data cannot tell all of them there.
    weak : str
        What makes up the direction that the data do not see; empty if there is none.
    method : str
        How it is fitted.
    constraints : tuple of str
        On typical values.
    objective : float
        At the start values.
    notes : tuple of str
        Where start values came from, what was assumed.
    subjects : int
        How many are fitted.
    starts : mapping
        Name → start value, on the natural scale.
    """

    equations: dict[str, str]
    records: dict[tuple[str, str], int]
    left_out: tuple[str, ...]
    names: tuple[str, ...]
    fixed: tuple[str, ...]
    rank: int
    weak: str
    method: str
    constraints: tuple[str, ...]
    objective: float
    notes: tuple[str, ...]
    subjects: int
    starts: dict[str, float]

    def __repr__(self) -> str:
        lines = [f"population fit by {self.method}: {len(self.names)} numbers, {self.subjects} subjects"]
        lines += [f"  {name}_i = {text}" for name, text in self.equations.items()]
        lines += [f"  {count} records of {output} {what}" for (output, what), count in self.records.items()]
        lines += [f"  left out: {text}" for text in self.left_out]
        lines.append("  estimated: " + ", ".join(self.names))
        if self.fixed:
            lines.append("  fixed: " + ", ".join(self.fixed))
        lines += [f"  constraint on typical values: {text}" for text in self.constraints]
        lines.append("  start: " + ", ".join(f"{n} {v:.4g}" for n, v in self.starts.items()))
        lines.append(f"  objective at the start: {self.objective:.3f}")
        enough = self.rank == len(self.names)
        lines.append(f"  rank of the information at the start: {self.rank} of {len(self.names)}"
                     + ("" if enough else f"; the data do not see {self.weak} there"))  # fmt: skip
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def explanation_of(problem: Problem, study: Study, method: str, notes: tuple[str, ...]) -> Explanation:
    """Return what a fit of a problem would do.

    Parameters
    ----------
    problem : Problem
        With its start.
    study : Study
        Its source, for records that do not count.
    method : str
        How it would be fitted.
    notes : tuple of str
        What is known of the start values.
    """
    population, data = problem.population, problem.data
    there = marginal(problem, problem.at(problem.start), FOCEI)
    rank, weak = _rank(there.information, problem.names)
    kinds = {
        (output, words): int(((data.kind == kind) & data.of(output)).sum())
        for output in data.analytes for kind, words in _KINDS.items()
    }  # fmt: skip
    fixed = [p.name for p in population.parameters if p.fixed]
    variances = zip(population.omega.names(), np.diag(population.omega.matrix()), strict=True)
    fixed += [f"var({n}) = {v:g}" for n, v in variances if f"var({n.removesuffix('_1')})" not in population.omega.free]
    return Explanation(
        dict(population.texts), {key: count for key, count in kinds.items() if count}, left_out(problem, study),
        problem.names, tuple(fixed), rank, weak, method, population.constraints, there.objective, notes,
        problem.subjects,
        {p.name: p.value for p in population.parameters if not p.fixed},
    )  # fmt: skip


def _rank(information: Array, names: tuple[str, ...]) -> tuple[int, str]:
    """Return the rank of the scaled information, and the names in its weakest direction."""
    if not names:
        return 0, ""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    size, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    rank = int((size > _RANK * size[-1]).sum()) if np.isfinite(size).all() else 0
    direction = np.abs(vectors[:, 0])
    return rank, " and ".join(names[k] for k in np.argsort(-direction) if direction[k] > 0.5 * direction.max())


def left_out(problem: Problem, study: Study) -> tuple[str, ...]:
    """Return sentences on records and subjects of a study that do not count in a fit."""
    data, said = problem.data, []
    lost = [s for s in study.subject_ids if s not in set(data.subjects)]
    if lost:
        said.append(f"{len(lost)} subjects without a record that counts: {few(map(repr, lost))}")
    every = study._observations
    analytes = set(data.analytes.values())
    excluded = int((every["excluded"].to_numpy(bool) & every["analyte"].isin(analytes).to_numpy(bool)).sum())
    if excluded:
        said.append(f"{excluded} records that the study excludes")
    others = every[~every["analyte"].isin(analytes)].groupby("analyte").size()
    outputs = problem.population.model.outputs
    for name, count in others.items():
        why = "an earlier fit is given for them" if name in outputs else "no output of the model is called so"
        said.append(f"{count} records of {name}: {why}")
    if problem.censoring.dropped:
        said.append(f"{problem.censoring.dropped} censored records ({problem.censoring.method})")
    return tuple(said)

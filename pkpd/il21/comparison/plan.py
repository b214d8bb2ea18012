"""Rows of the plan and the patients: what was put in, and counts that must add up (Table 1)."""

from __future__ import annotations

from collections.abc import Iterator

from pkpd.il21.case import regimen
from pkpd.il21.comparison.rows import Row, follows, recomputed
from pkpd.il21.comparison.source import Printed
from pkpd.il21.paper import COHORTS, LLOQ
from pkpd.trial import clopper_pearson, patients_to_see, probability_to_see
from pkpd.trial.proportions import numerators

PLAN, PATIENTS, DESIGN = "plan", "patients (Table 1)", "size of the trial"
PARTITIONS = ("sex", "ecog", "mskcc_risk", "prior_regimens")
"""Blocks of Table 1 in which every patient is counted once; prior agents overlap."""
_REDUCTION = "reductions"


def plan(paper: Printed) -> Iterator[Row]:
    """Yield what was taken from the paper as it stands, as the package has it."""
    said = paper.said
    one, two = regimen(), regimen(courses=2)
    days = [int(t // 24) + 1 for t in one.times]
    week = 7 * 24.0
    length = min(t for t in two.times if t > max(one.times)) / week
    ends = [days[0], days[4], days[5], days[9]]
    yield recomputed(PLAN, "dosing days of a course", said["dosing days"], ends,
                     f"{ends[0]}–{ends[1]} and {ends[2]}–{ends[3]}", "il21.regimen()", "input")  # fmt: skip
    yield recomputed(PLAN, "length of a course", said["course"], [length], f"{length:g} weeks",
                     "il21.regimen(courses=2); the registry says 6: weeks=6", "input")  # fmt: skip
    levels = sorted({dose for _, dose, _ in COHORTS})
    yield recomputed(PLAN, "dose levels of IL-21", said["dose levels"], levels,
                     " ".join(f"{x:g}" for x in levels) + " ug/kg", "il21.COHORTS", "input")  # fmt: skip
    dose = one.doses[0].amount
    yield recomputed(PLAN, "dose of phase 2", said["dose phase 2"], [dose], f"{dose:g} {one.unit}", "", "input")
    yield recomputed(PLAN, "limit of quantification of IL-21", said["lloq"], [LLOQ], f"{LLOQ:g} ng/mL", "", "input")


def patients(paper: Printed) -> Iterator[Row]:
    """Yield how many patients there were, block by block of Table 1."""
    said = paper.said
    sizes = {phase: sum(n for name, _, n in COHORTS if name == phase) for phase in ("phase 1", "phase 2")}
    for phase, n in sizes.items():
        yield recomputed(
            PATIENTS, f"patients, {phase}", said[f"patients {phase}"], [n], str(n), "il21.COHORTS", "input"
        )
    total = sum(sizes.values())
    yield recomputed(PATIENTS, "patients, both phases", said["patients"], [total], str(total), "sum of both phases")
    for block in PARTITIONS:
        rows = paper.baseline[paper.baseline["block"] == block]
        for phase in ("phase1", "phase2"):
            size, sum_of = int(rows[f"{phase}_N"].iloc[0]), int(rows[f"{phase}_n"].sum())
            what = f"{block.replace('_', ' ')}, phase {phase[-1]}: all rows together"
            yield recomputed(PATIENTS, what, str(size), [sum_of], str(sum_of), "counts of Table 1 add up to its N")
    agents = paper.baseline[paper.baseline["block"] == "prior_agent"]
    named, size = int(agents["phase2_n"].sum()), int(agents["phase2_N"].iloc[0])
    yield follows(PATIENTS, "prior agents, phase 2: patients named more than once", f"{named} of {size}",
                  f"at least {max(named - size, 0)}", "counts by prior agent overlap")  # fmt: skip


def reductions(paper: Printed) -> Iterator[Row]:
    """Yield dose reductions and antibodies, with exact intervals."""
    said, n = paper.said, int(paper.number("patients phase 2"))
    percent = said["sorafenib reduced"].split()[0]
    counts = numerators(n, percent)
    of = counts[0] if counts else 0
    yield recomputed(_REDUCTION, "sorafenib reduced, phase 2", said["sorafenib reduced"], [100 * of / n],
                     f"{of}/{n} = {100 * of / n:.1f} % {_interval(of, n)}",
                     f"counts of {n} that are {percent} %: {', '.join(map(str, counts)) or 'none'}")  # fmt: skip
    for key, what, size, why in (
        ("IL-21 reduced", "IL-21 reduced", n, "of phase 2; the denominator is not printed with it"),
        ("antibodies", "neutralising antibodies to IL-21", int(paper.number("patients")),
         "of all patients; their effect on PK was not analysed, and cannot be from 3"),
        ("replaced", "patients replaced, phase 1", int(paper.number("patients phase 1")), ""),
    ):  # fmt: skip
        x = int(paper.number(key))
        yield follows(_REDUCTION, f"{what}: share", f"{x} of {size}", f"{100 * x / size:.1f} % {_interval(x, size)}",
                      f"95 % interval by Clopper and Pearson{'; ' if why else ''}{why}")  # fmt: skip


def size(paper: Printed) -> Iterator[Row]:
    """Yield what the number of patients was chosen for."""
    n, rate = int(paper.number("patients to see an event")), paper.number("rate of the event") / 100
    chance = float(probability_to_see(rate, n))
    yield recomputed(DESIGN, f"probability of seeing an event of rate {100 * rate:g} % in {n} patients",
                     paper.said["chance to see an event"], [100 * chance], f"{100 * chance:.3f} %",
                     f"1 − {1 - rate:g}^{n}; rounded it is {100 * chance:.0f} %")  # fmt: skip
    least = patients_to_see(rate, 0.95)
    yield follows(DESIGN, "fewest patients for 95 %", f"rate {100 * rate:g} %", str(least), "trial.patients_to_see")


def _interval(x: int, n: int) -> str:
    low, high = clopper_pearson(x, n)
    return f"[{100 * low:.3f}–{100 * high:.3f}]"


__all__ = ["PARTITIONS", "patients", "plan", "reductions", "size"]

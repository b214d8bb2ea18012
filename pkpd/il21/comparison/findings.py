"""What does not agree within the paper: each found by a check that looks at the numbers; reported, never repaired."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pkpd.il21.comparison.escalation import replay
from pkpd.il21.comparison.plan import PARTITIONS
from pkpd.il21.comparison.rows import Finding, numbers
from pkpd.il21.comparison.source import Printed
from pkpd.trial import check_incidence, check_percentages
from pkpd.trial.proportions import denominators
from pkpd.units.kinds import per_kg


def findings(paper: Printed) -> Iterator[Finding]:
    """Yield every disagreement that the checks find."""
    yield from _toxicity(paper)
    yield from _percentages(paper)
    yield from _sums(paper)
    yield from _regimens(paper)
    yield from _doses(paper)
    yield from _course(paper)
    yield from _censored(paper)
    yield from _escalation(paper)


def _toxicity(paper: Printed) -> Iterator[Finding]:
    """Table 2: percentages, repeated rows, denominators that are counts, rows below its rule, mostly severe rows."""
    n, least = int(paper.number("patients phase 2")), paper.number("rule of the laboratory rows")
    found = check_incidence(paper.toxicity, patients=n, at_least={"laboratory": least})
    claim = paper.said["toxicities"]
    for row in found.to_dict("records"):
        severe = row["finding"] == "mostly severe"
        yield Finding(f"Table 2, {row['term']}", row["finding"], f"{row['printed']}{f' ({claim})' if severe else ''}",
                      row["recomputed"], row["explanation"], "trial.check_incidence")  # fmt: skip
    clinical = paper.toxicity[(paper.toxicity["kind"] == "clinical") & (paper.toxicity["grade3_n"] > 0)]
    used = {
        row["term"]: denominators(int(row["grade3_n"]), f"{row['grade3_pct']:g}", n)
        for row in clinical.to_dict("records") if row["grade3_pct"] == row["grade3_pct"]
    }  # fmt: skip
    other = {term: fits for term, fits in used.items() if fits and n not in fits}
    if other:
        named = ", ".join(f"{term} {' or '.join(map(str, fits))}" for term, fits in other.items())
        yield Finding("Table 2, clinical, grade 3", "mixed denominators", named, f"{n} in the other rows",
                      "percentages of one column have different denominators",
                      "denominators of every percentage")  # fmt: skip


_RATES = (("response", ("CR", "PR")), ("stable disease", ("SD",)), ("disease control", ("CR", "PR", "SD")))


_RATES = (("response", ("CR", "PR")), ("stable disease", ("SD",)), ("disease control", ("CR", "PR", "SD")))


def _percentages(paper: Printed) -> Iterator[Finding]:
    """The text: percentages that do not follow from their counts, and intervals that are not the exact ones."""
    said, n, counts = paper.said, int(paper.number("patients phase 2")), paper.counts("independent")
    rows: list[tuple[object, ...]] = []
    for key, members in _RATES:
        low, high = numbers(said[f"{key} phase 2 interval"])
        x = sum(counts[name] for name in members)
        rows.append((f"{key}, phase 2", x, n, paper.number(f"{key} phase 2"), low, high))
    rows.append(("sorafenib reduced", None, n, paper.number("sorafenib reduced"), None, None))
    yield from _checked(rows, n)
    percent, events, size = numbers(said["response to IL-21 alone"])
    control = paper.number("disease control by IL-21 alone")
    yield from _checked(
        [
            ("introduction, response to IL-21 alone", events, size, percent, None, None),
            ("introduction, disease control by IL-21 alone", None, size, control, None, None),
        ],
        int(paper.number("patients on IL-21 alone")),
    )


def _checked(rows: list[tuple[object, ...]], most: int) -> Iterator[Finding]:
    import pandas

    table = pandas.DataFrame(rows, columns=["what", "events", "patients", "percent", "low", "high"])
    for row in check_percentages(table, most=most).to_dict("records"):
        yield Finding(row["what"], row["finding"], row["printed"], row["recomputed"], row["explanation"],
                      "trial.check_percentages")  # fmt: skip


def _sums(paper: Printed) -> Iterator[Finding]:
    """Tables 1 and 3: rows that must add up to their number of patients."""
    sums = [(f"Table 1, {block.replace('_', ' ')}, {phase}", part[f"{phase}_n"].sum(), part[f"{phase}_N"].iloc[0])
            for block in PARTITIONS for phase in ("phase1", "phase2")
            for part in [paper.baseline[paper.baseline["block"] == block]]]  # fmt: skip
    sums += [(f"Table 3, {side}", paper.response[f"{side}_n"].sum(), paper.response["N"].iloc[0])
             for side in ("investigator", "independent")]  # fmt: skip
    for place, found, n in sums:
        if int(found) != int(n):
            yield Finding(place, "sum", f"N = {int(n)}", f"the rows add up to {int(found)}",
                          "every patient counts once", "sum of the rows")  # fmt: skip


def _regimens(paper: Printed) -> Iterator[Finding]:
    """Table 1: patients with more prior regimens than were allowed."""
    limit = int(paper.number("most prior regimens"))
    rows = paper.baseline[paper.baseline["block"] == "prior_regimens"]
    for item, *counts in rows[["item", "phase1_n", "phase2_n"]].itertuples(index=False):
        for phase, count in zip((1, 2), counts, strict=True):
            if int(item) > limit and count > 0:
                yield Finding(f"Table 1, prior regimens, phase {phase}", "above the limit",
                              f"{int(count)} with {item} prior regimens", f"at most {limit} were allowed",
                              "the limit may be that of the other phase only", "counts above the limit")  # fmt: skip


_DOSES = (
    "doses", "dose levels", "declared dose", "dose phase 2", "doses of monotherapy", "dose of a monotherapy patient",
)  # fmt: skip


def _doses(paper: Printed) -> Iterator[Finding]:
    """The text: doses of IL-21 of which some are per kg and some are not."""
    keys = (
        "doses",
        "dose levels",
        "declared dose",
        "dose phase 2",
        "doses of monotherapy",
        "dose of a monotherapy patient",
    )
    by_weight = {key: per_kg(_unit(paper.said[key])) for key in keys}
    for key, is_per_kg in by_weight.items():
        if not is_per_kg and sum(by_weight.values()) > len(by_weight) / 2:
            dose, unit = numbers(paper.said[key])[0], _unit(paper.said[key])
            amount, *rest = unit.split("/")
            yield Finding(f"{paper.places[key]}, {key}", "unit", f"{dose} {unit}", "/".join([amount, "kg", *rest]),
                          f"the other {sum(by_weight.values())} doses are per kg", "units of every dose")  # fmt: skip


def _unit(text: str) -> str:
    return text.split()[-1].replace("mcg", "ug")


def _course(paper: Printed) -> Iterator[Finding]:
    """The length of a course in the paper and in the registry."""
    here, there = paper.number("course"), paper.number("course in the registry")
    if here != there:
        yield Finding("plan", "two values", paper.said["course"], f"{paper.said['course in the registry']} (registry)",
                      "a parameter: il21.regimen(weeks=…)", "paper against registry")  # fmt: skip


def _censored(paper: Printed) -> Iterator[Finding]:
    """Durations with a plus: what is still going on is censored, not observed."""
    said = paper.said["ongoing responses"]
    found = re.findall(r"\d+\+", said)
    if found:
        yield Finding(paper.places["ongoing responses"], "censored durations", said,
                      f"{len(found)} of {len(numbers(said))} durations are censored",
                      "they are lower bounds; no mean and no median of them is a duration",
                      "a plus after a number")  # fmt: skip


def _escalation(paper: Printed) -> Iterator[Finding]:
    """Phase 1: where the trial and 3+3 part."""
    found = replay(paper)
    for row in found.table().to_dict("records"):
        if not row["agrees"]:
            done = f"{row['dlt_here']} of {row['patients_here']}, then {row['done']}"
            yield Finding(f"phase 1, {row['dose']:g} ug/kg", "not the rule", done, f"{row['rule']}: {row['reason']}",
                          "a strict 3+3 would have gone on", "trial.replay_escalation")  # fmt: skip
    if found.declared != found.mtd:
        mtd = f"{found.mtd:g}" if found.mtd == found.mtd else found.last.mtd_reason
        yield Finding("phase 1", "MTD and declared dose", f"{found.declared:g} declared", f"3+3: {mtd}",
                      "the rule's MTD and the declared dose are two things", "trial.replay_escalation")  # fmt: skip


__all__ = ["findings"]

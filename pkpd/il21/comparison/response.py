"""Rows of Table 3 and what is claimed of responses: rates, reviewers, history, prior agents, models, survival."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from pkpd.il21.comparison.rows import Row, by_claim, cannot, follows, numbers, recomputed
from pkpd.il21.comparison.source import Printed
from pkpd.trial import (
    agreement_bound,
    clopper_pearson,
    detectable_effect,
    kaplan_meier,
    probability_to_see,
    response_rates,
)

TABLE3, HISTORY, AGENTS, MODELS = "response (Table 3)", "history", "responders by prior agent (Table 4)", "models"
SURVIVAL, FIGURES = "progression-free survival", "figures"
_RATES = (
    ("response (CR + PR)", "response phase 2"), ("SD", "stable disease phase 2"),
    ("disease control", "disease control phase 2"),
)  # fmt: skip
_EVENTS = (20, 25, 30)


def response(paper: Printed) -> Iterator[Row]:
    """Yield rates with exact intervals, of both reviewers and of phase 1, and how far two reviewers can agree."""
    said, n = paper.said, int(paper.response["N"].iloc[0])
    sides = {"independent": paper.counts("independent"), "investigator": paper.counts("investigator")}
    for name, counts in sides.items():
        total = sum(counts.values())
        yield recomputed(TABLE3, f"patients by {name} review", str(n), [total], str(total), "all rows together")
    rates = response_rates(sides["independent"], patients=n).set_index("response")
    for row, key in _RATES:
        found = rates.loc[row]
        text = f"{int(found['events'])}/{n} = {found['percent']:.2f} %"
        yield recomputed(TABLE3, f"{row}, independent review", said[key], [found["percent"]], text)
        yield recomputed(TABLE3, f"{row}, independent review, 95 % interval, %", said[f"{key} interval"],
                         [found["low"], found["high"]], f"{found['low']:.3f}–{found['high']:.3f}",
                         "Clopper and Pearson")  # fmt: skip
    rates = response_rates(sides["investigator"], patients=n).set_index("response")
    for row in ("response (CR + PR)", "disease control"):
        yield _rate(f"{row}, investigator", rates.loc[row])
    responders, size = (int(x) for x in numbers(said["response phase 1"]))
    stable = int(paper.number("stable disease phase 1"))
    rates = response_rates({"PR": responders, "SD": stable}, patients=size).set_index("response")
    for row in ("response (CR + PR)", "SD", "disease control"):
        yield _rate(f"{row}, phase 1", rates.loc[row])
    evaluable = int(paper.cohorts["patients"].sum())
    yield follows(TABLE3, "patients of phase 1 in its response rates", f"{said['response phase 1']}, "
                  f"{said['stable disease phase 1']}", f"{size}, of {evaluable} evaluable for dose-limiting toxicity",
                  "evaluable for response is another set than evaluable for toxicity")  # fmt: skip
    best = agreement_bound(sides["investigator"], sides["independent"]).loc["highest"]
    yield follows(TABLE3, "agreement of two reviewers", "totals of both",
                  f"at most {int(best['agreed'])} of {int(best['patients'])}, κ ≤ {best['kappa']:.3f}",
                  "from totals only a bound follows; agreement itself needs the patients")  # fmt: skip


def _rate(what: str, found: object) -> Row:
    """A rate whose percentage is not printed."""
    x, n, percent, low, high = (found[k] for k in ("events", "patients", "percent", "low", "high"))  # type: ignore[index]
    return follows(TABLE3, what, f"{int(x)} of {int(n)}", f"{percent:.1f} % [{low:.3f}–{high:.3f}]",
                   "95 % interval by Clopper and Pearson")  # fmt: skip


def history(paper: Printed) -> Iterator[Row]:
    """Yield how probable so many responses were if the true rate were the historical one."""
    counts, n = paper.counts("independent"), int(paper.response["N"].iloc[0])
    x = counts["CR"] + counts["PR"]
    for rate in numbers(paper.said["historical rates"]):
        chance = float(probability_to_see(float(rate) / 100, n, at_least=x))
        yield Row(HISTORY, f"P(at least {x} of {n}) if the true rate is {rate} %", paper.said["historical comparison"],
                  f"{chance:.2g}", "recomputed", by_claim(chance < 0.05),
                  "holds if below 0.05; other patients, no control, several rates were looked at")  # fmt: skip


def agents(paper: Printed) -> Iterator[Row]:
    """Yield responders of Table 4 by prior agent of Table 1."""
    from scipy.stats import fisher_exact

    treated = paper.baseline[paper.baseline["block"] == "prior_agent"].set_index("item")["phase2_n"].dropna()
    counts, n = paper.counts("independent"), int(paper.response["N"].iloc[0])
    every = counts["CR"] + counts["PR"]
    for agent, x in zip(paper.responders["prior_agent"], paper.responders["responders"].astype(int), strict=True):
        size = int(treated[agent])
        low, high = clopper_pearson(x, size)
        p = float(fisher_exact([[x, size - x], [every - x, n - size - every + x]])[1])
        yield follows(AGENTS, f"responders after {agent}", f"{x} responders, {size} treated",
                      f"{x}/{size} = {100 * x / size:.0f} % [{100 * low:.1f}–{100 * high:.1f}], P = {p:.3f}",
                      f"exploratory: one of {len(treated)} agents, which overlap; "
                      "Fisher's test against all other patients")  # fmt: skip


def models(paper: Printed) -> Iterator[Row]:
    """Yield what a trial of this size could have found, beside models without significant results."""
    counts, n = paper.counts("independent"), int(paper.response["N"].iloc[0])
    x = counts["CR"] + counts["PR"]
    ratio = detectable_effect([x, n - x])
    claim = paper.said["models"]
    yield follows(MODELS, "logistic models of response on biomarkers", claim,
                  f"80 % power for an odds ratio of {ratio:.2f} per SD",
                  f"{x} of {n} responded; smaller effects were more likely missed than found")  # fmt: skip
    for events in _EVENTS:
        yield follows(MODELS, f"Cox models of PFS on biomarkers, if {events} progressed", claim,
                      f"80 % power for a hazard ratio of {detectable_effect(events=events):.2f} per SD",
                      "the number of events is not printed")  # fmt: skip


def survival(paper: Printed) -> Iterator[Row]:
    """Yield what needs the patients' times, or a picture in numbers."""
    why = "needs the patients' times to progression, which are not published"
    yield cannot(SURVIVAL, "median PFS, phase 2", paper.said["pfs"], why)
    said = paper.said["ongoing responses"]
    times, signs = zip(*re.findall(r"(\d+)(\+?)", said), strict=True)
    events = [not sign for sign in signs]
    curve = kaplan_meier({"subject": range(len(times)), "time": [float(t) for t in times], "event": events})
    median = float(curve.median()["time"].iloc[0])
    yield follows(SURVIVAL, "median of the ongoing responses, months", said,
                  "not reached" if math.isnan(median) else f"{median:g}",
                  f"{sum(events)} of {len(times)} have ended; what is printed with + is censored")  # fmt: skip
    yield cannot(FIGURES, "Figure 1: sCD25 and lymphocytes over time at 30 ug/kg", "a picture",
                 "not available in numbers; a digitised table can be laid over a plot: plot.overlay")  # fmt: skip
    yield cannot(FIGURES, "the other figures", "pictures", "not available in numbers")


__all__ = ["agents", "history", "models", "response", "survival"]

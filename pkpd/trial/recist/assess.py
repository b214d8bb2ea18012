"""RECIST, assessment by assessment, each with the reason why it is what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.decimals import difference, product
from pkpd.trial.recist.confirmation import Run
from pkpd.trial.recist.rules import RecistRules, rules_of
from pkpd.trial.recist.scans import blocks, provenance, read_scans, without_baseline
from pkpd.trial.recist.simulated import scans_in

if TYPE_CHECKING:
    import pandas

_OUT = (
    "subject", "reviewer", "day", "sum", "base", "base_day", "nadir", "change", "from_nadir", "target", "non_target",
    "new", "response", "reason",
)  # fmt: skip
_READ = ("row", "gone", "baseline", "is_baseline")  # what only the rules ask for
_RESPONSE = frozenset({"CR", "PR"})


@checked
def assess_response(
    scans: Any, *, rules: RecistRules | str = "1.0", columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    r"""Return the RECIST response at every scan after baseline, with its reason.

    With the sum :math:`s` of target lesions, its baseline :math:`b` and the smallest sum before, :math:`m`, the target
    lesions are in partial response if :math:`s \le 0.7 b`, and progress if :math:`s \ge 1.2 m` and :math:`s > m` (in
    1.1 also :math:`s - m \ge 5` mm). Limits are met as decimals: 59.4 on 49.5 is +20 %. New lesions are progression,
    whatever else there is. From the first progression on every assessment is progression. A partial response that is
    confirmed (or needs no confirmation) stays one until progression.

    Parameters
    ----------
    scans : DataFrame, path, mapping of column to values, Study, or Dataset
        One row per patient and day: ``subject``, ``day`` (the first dose is on day 1), ``sum`` (mm; empty where a
        target lesion was not measured). Optional: ``non_target`` (CR, non-CR/non-PD, PD, NE; empty throughout for a
        patient without such lesions), ``new`` (flag), ``gone`` (flag: nothing left but nodes below 10 mm, for 1.1),
        ``baseline`` (flag; else the last scan up to day 1), ``reviewer``. Or a study or simulation with one output in
        a unit of length (else choose by `scans_of`).
    rules : RecistRules or str
        Version and choices.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        One row per scan after baseline: ``subject, reviewer, day, sum, base, base_day, nadir`` (before this scan),
        ``change`` and ``from_nadir`` (%), ``target, non_target, new, response, reason``. A patient without such a scan
        has one row with an empty day. Then all other columns of the table, as they came (of a patient with no scan
        after baseline those of the first row). ``attrs["rules"]`` says by which rules.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        If patients lack a baseline scan, or scans older than it were left out.

    References
    ----------
    Therasse P et al. J Natl Cancer Inst 2000;92:205-216. Eisenhauer EA et al. Eur J Cancer 2009;45:228-247, Tables 1-3.
    """
    chosen = rules_of(rules)
    scans = scans_in(scans)
    table = read_scans(scans, chosen.version, columns)
    without_baseline(table)
    table["change"] = _percent(table["sum"], table["base"])
    table["from_nadir"] = _percent(table["sum"], table["nadir"])
    target, words = _targets(table, chosen.version)
    table["target"] = target
    found: list[tuple[int, str, str]] = []
    alone: list[int] = []
    baseline = table["is_baseline"].tolist()
    cells = (table["day"].tolist(), target, table["non_target"].tolist(), table["new"].tolist(), words)
    for begin, end in blocks(table, "subject", "reviewer"):
        later = [i for i in range(begin, end) if not baseline[i]]
        if later:
            found += _patient(cells, later, chosen)
        else:
            alone.append(begin)
    table["response"], table["reason"] = "NE", ""
    for name, k in (("response", 1), ("reason", 2)):
        table.loc[[row[0] for row in found], name] = [row[k] for row in found]
    if alone:
        table.loc[alone, ["day", "sum", "change"]] = np.nan
        table.loc[alone, ["target", "non_target", "new"]] = ["NE", "NE", False]
        table.loc[alone, "reason"] = "no scan after baseline"
    others = [name for name in table if name not in {*_OUT, *_READ}]
    kept = table.loc[sorted([row[0] for row in found] + alone), [*_OUT, *others]].reset_index(drop=True)
    kept.attrs.update(provenance(scans), rules=str(chosen))
    return kept if (kept["reviewer"] != "").any() else kept.drop(columns="reviewer")


def _percent(size: pandas.Series, of: pandas.Series) -> Array:
    """Change in percent of a sum; nothing for a sum of 0."""
    whole = of.to_numpy(float)
    with np.errstate(all="ignore"):
        return np.where(whole > 0, 100.0 * difference(size.to_numpy(float), whole) / whole, np.nan)


def _targets(table: pandas.DataFrame, version: str) -> tuple[list[str], list[str]]:
    """Response of the target lesions at every scan, and why; "" where a patient has none."""
    size, base, nadir = (table[name].to_numpy(float) for name in ("sum", "base", "nadir"))
    with np.errstate(all="ignore"):
        fifth = (size >= product(1.2, nadir)) & (size > nadir)
        grown = fifth & (difference(size, nadir) >= 5.0) if version == "1.1" else fifth
        shrunk = size <= product(0.7, base)
    missing = table["sum"].groupby([table["subject"], table["reviewer"]], sort=False).transform("count").to_numpy() == 0
    none = (base == 0) | (missing & ~np.isfinite(base))
    known, gone = table["base_day"].notna().to_numpy(), table["gone"].to_numpy(bool)
    change, back = table["change"].to_numpy(float), table["from_nadir"].to_numpy(float)
    found, words = [], []
    for i in range(len(table)):
        what, why = "SD", f"sum {size[i]:g} mm, {_signed(change[i])} from baseline, {_signed(back[i])} from nadir"
        if none[i]:
            what, why = "", "no target lesions"
        elif not known[i]:
            what, why = "NE", "no baseline scan"
        elif not np.isfinite(size[i]):
            what, why = "NE", "target lesions not measured"
        elif not np.isfinite(base[i]):
            what, why = "NE", "baseline sum is missing"
        elif size[i] == 0 or gone[i]:
            left = f" (nodes below 10 mm, sum {size[i]:g} mm)" if size[i] > 0 else ""
            what, why = "CR", f"all target lesions gone{left}"
        elif grown[i]:
            what = "PD"
            why = f"sum {size[i]:g} mm on a nadir of {nadir[i]:g} mm ({_signed(back[i])})"
        elif shrunk[i]:
            what, why = "PR", f"sum {size[i]:g} mm on a baseline of {base[i]:g} mm ({_signed(change[i])})"
        elif fifth[i]:
            why += ", less than 5 mm"
        found.append(what)
        words.append(why)
    return found, words


def _signed(percent: float) -> str:
    return f"{percent:+.1f} %".replace("-", "−") if np.isfinite(percent) else "from 0"


def _patient(cells: tuple[list[Any], ...], rows: list[int], rules: RecistRules) -> list[tuple[int, str, str]]:
    """Row, response and reason of every scan of a patient, in order of days."""
    day, target, other, new, words = cells
    run, holds = Run(rules, _RESPONSE), False
    progressed: float | None = None
    complete: list[int] = []
    found: list[tuple[int, str, str]] = []
    for i in rows:
        if progressed is not None:
            found.append((i, "PD", f"progression since day {progressed:g}"))
            continue
        response, why = _overall(target[i], other[i], bool(new[i]), words[i], rules.version)
        disease = target[i] in ("PR", "SD") or other[i] == "non-CR/non-PD"
        if complete and disease and response != "PD" and rules.returns != "table":
            if rules.returns == "PD":
                response, why = "PD", f"disease after the complete response of day {day[complete[0]]:g}: {why}"
            else:
                found = [(k, "PR", f"{text}; read again as PR, for disease is seen on day {day[i]:g}")
                         if k in complete else (k, one, text) for k, one, text in found]  # fmt: skip
                complete = []
        if response == "SD" and target[i] == "SD" and holds:
            response, why = "PR", f"{why}; a partial response lasts until progression"
        holds |= run.add(float(day[i]), response) or (not rules.confirms and response in _RESPONSE)
        if response == "CR":
            complete.append(i)
        if response == "PD":
            progressed = float(day[i])
        found.append((i, response, why))
    return found


def _overall(target: str, other: str, new: bool, words: str, version: str) -> tuple[str, str]:
    """The table of target, non-target and new lesions."""
    if new:
        return "PD", "new lesion"
    if target == "PD":
        return "PD", words
    if other == "PD":
        return "PD", "clear progression of non-target lesions"
    if target == "":
        if other == "":
            return "NE", "no lesions at baseline"
        lesions = {"CR": ("CR", "all non-target lesions gone"), "NE": ("NE", "non-target lesions not evaluated")}
        kept = ("SD" if version == "1.0" else "non-CR/non-PD", "non-target lesions persist")
        return lesions.get(other, kept)
    if target == "CR" and other in ("non-CR/non-PD", "NE"):
        return "PR", f"{words}; non-target lesions {'persist' if other != 'NE' else 'not evaluated'}"
    return target, words

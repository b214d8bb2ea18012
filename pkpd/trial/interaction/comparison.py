"""Does one drug change another's exposure or effect? Ratios and differences of two treatments, paired or not."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import A_LABEL, checked, optional
from pkpd.arrays import Array
from pkpd.errors import InputError, few, nearest, shown, warn
from pkpd.nca.kernel.parameters import PARAMETERS
from pkpd.nca.response.parameters import LIMIT_PARAMETERS, RESPONSE_PARAMETERS
from pkpd.trial.interaction.ratio_rows import COLUMNS, DIFFERENCE, RATIO, Two, difference_row, ratio_rows
from pkpd.trial.interaction.sides import Asked, Side, read_sides

if TYPE_CHECKING:
    import pandas

_SCALES = ("ratio", "difference")
_EXPOSURE = ("amount/volume", "time*amount/volume", "time^2*amount/volume")
_RESPONSES = {**RESPONSE_PARAMETERS, **LIMIT_PARAMETERS}
_BY_RANKS = {
    "tmax", "tmin", "tlag", "tfirst", "tlast", "visit_change", "visit_percent_change", "slope",
    *(name for name, one in _RESPONSES.items() if one.unit in ("time", "%") or "change" in name or "net" in name),
}  # fmt: skip
_SELECTED = {
    (
        "not recovered",
        "still across",
    ): "subjects who did not come back by the last sample have no time and are left out: "
    "such times are of those who did (trial.kaplan_meier and log_rank take them as censored)",
    (
        "does not cross",
    ): "times from crossing a limit to coming back are of those who crossed it; times below and above a "
    "limit are of all",
}


@dataclass(frozen=True, eq=False)
class TreatmentComparison:
    """What `compare_treatments` found.

    Attributes
    ----------
    results : DataFrame
        A row per parameter and method: ``parameter, unit, measure`` (ratio of geometric means, or difference),
        ``method`` (mixed model and paired t; Welch and pooled; Hodges–Lehmann, exact or by the normal approximation),
        ``n_test, n_reference`` (numbers used), ``pairs, dropped`` (subjects without a number that is used), ``test,
        reference`` (geometric means, or medians), ``cv_test, cv_reference`` (geometric, %), ``correlation`` (of the
        logarithms of pairs), ``estimate, low, high, level, freedom, excludes_none`` (whether the interval excludes 1,
        or 0), ``excluded`` (true ratios above it, and below its reciprocal, would be excluded by as many patients if
        the observed ratio were 1; of differences those farther from 0, were 0 observed), ``detectable`` (true ratio
        that is told from 1 with the power) and ``reason``, a sentence where there is no number.
    lost : DataFrame
        ``parameter, treatment, reason, subjects``: how many have no number, and why.
    test, reference : str
        The treatments.
    design : {"within subjects", "between subjects"}
        How they were compared.
    notes : tuple of str
        What was done and assumed, in words.
    attrs : dict
        What the data say of where they came from.
    """

    results: pandas.DataFrame
    lost: pandas.DataFrame
    test: str
    reference: str
    design: str
    notes: tuple[str, ...]
    attrs: dict[str, Any]

    def table(self) -> pandas.DataFrame:
        """Return a row per parameter and method."""
        return self.results.copy()

    def summary(self) -> str:
        """Return a line per row, and what was done."""
        lines = [f"{self.test} against {self.reference}, {self.design}"]
        for row in self.results.itertuples(index=False):
            head = f"{row.parameter}, {row.method or row.measure}, n {row.n_test} and {row.n_reference}"
            if row.reason:
                lines.append(f"{head}: {row.reason}")
                continue
            ratio = row.measure == RATIO
            unit = f" {row.unit}" if row.unit and not ratio else ""
            text = f"{head}: {'ratio' if ratio else 'difference'} {row.estimate:.3g}{unit}"
            text += f", {100 * row.level:g} % interval {row.low:.3g} to {row.high:.3g}"
            if not row.excludes_none:
                text += "; could have excluded " + (
                    f"a ratio beyond {1 / row.excluded:.3g} to {row.excluded:.3g}" if ratio
                    else f"a difference beyond ±{row.excluded:.3g}{unit}"
                )  # fmt: skip
            lines.append(text)
        return "\n".join([*lines, *self.notes])

    __repr__ = __str__ = summary

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.results.to_html(index=False)}"


@checked(test=optional(A_LABEL), reference=optional(A_LABEL))
def compare_treatments(
    data: Any,
    parameters: Sequence[str] | None = None,
    *,
    test: Any = None,
    reference: Any = None,
    by: str = "treatment",
    paired: bool | None = None,
    scale: Mapping[str, str] | None = None,
    level: float = 0.9,
    power: float = 0.8,
    normalise: bool = True,
    only_accepted: bool = True,
    columns: Mapping[str, str] | None = None,
) -> TreatmentComparison:
    r"""Return ratios of geometric means, or differences, of two treatments with intervals, within subjects or between.

    Within subjects :math:`\ln y_{ij} = \mu + \delta x_{ij} + b_i + \varepsilon_{ij}` by restricted likelihood, which
    uses subjects with one side, too (degrees of freedom: rows − subjects − 1, as nlme counts); beside it the t interval
    of the subjects' own log ratios. Between subjects Welch's interval and the pooled one. Where a value can be 0
    (times) or negative (changes), differences by Hodges and Lehmann with the interval of the signed-rank or rank-sum
    test.

    `pkpd.nca.relative` gives the ratios of pairs and of independent groups alone, of two results of NCA.

    Parameters
    ----------
    data : Dataset, DataFrame, path, or mapping
        A result of `pkpd.nca` or `pkpd.nca.nca_response` with the coordinate `by` over ``profile``; a table with
        columns ``subject``, `by` and the parameters; or of two studies a mapping from treatment to result or table:
        ``{"with": one, "alone": other}``.
    parameters : sequence of str, optional
        Which. A name of limits, such as ``"time_below_t"``, means all of them, ``"time_below_t[0.5]"`` one. By default
        AUCinf, AUClast, AUCtau, Cmax, tmax and half-life, those that are there; of a response baseline, peak or nadir
        (whichever most profiles have) with its time, area of the effect, recovery, and times beyond the limits.
    test, reference : object, optional
        The treatments; by default, of two, the first and the second.
    by : str
        Coordinate or column of the treatments.
    paired : bool, optional
        Whether subjects are compared with themselves; by default if any is on both sides of one result or table.
        Two studies are unpaired unless this is said.
    scale : mapping, optional
        Parameter → ``"ratio"`` or ``"difference"``, where it is to be another than the default: times of peaks, times
        beyond limits, changes and percentages are differences, all else (half-lives too) ratios.
    level : float
        Of the intervals.
    power : float
        Of ``detectable``.
    normalise : bool
        Whether, where doses differ, concentrations and areas are put to the median dose of the reference, in
        proportion. Not of responses, nor of plain tables.
    only_accepted : bool
        Whether numbers that do not meet a limit of acceptance are left out, with that as their reason.
    columns : mapping, optional
        Our name → its heading in the tables.

    Returns
    -------
    TreatmentComparison

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        Counting numbers that lack; if two studies have subjects of one name that are not paired.

    References
    ----------
    FDA, Clinical Drug Interaction Studies, guidance for industry (2020), on geometric mean ratios and 90 % intervals.
    Pinheiro JC, Bates DM, Mixed-Effects Models in S and S-PLUS (2000), section 2.4. Hodges & Lehmann 1963.
    """
    import pandas

    problems = [f"{name} is {shown(value)}; expected a number between 0 and 1"
                for name, value in (("level", level), ("power", power)) if not 0 < value < 1]  # fmt: skip
    scales = dict(scale or {})
    problems += [f"scale of {name} is {shown(one)}; {nearest(one, _SCALES)}"
                 for name, one in scales.items() if one not in _SCALES]  # fmt: skip
    if problems:
        raise InputError(problems, "compare_treatments")
    labels = [None if one is None else str(one) for one in (test, reference)]
    asked = Asked(parameters, labels[0], labels[1], by, columns, only_accepted)
    one, other, names, apart = read_sides(data, asked, "compare_treatments")
    if strange := [name for name in scales if name not in {*names, *(n.split("[")[0] for n in names)}]:
        raise InputError([f"scale names {shown(n)}, which is not compared; {nearest(n, names)}" for n in strange],
                         "compare_treatments")  # fmt: skip
    both = {str(who) for who in one.subjects} & {str(who) for who in other.subjects}
    within = bool(both) and not apart if paired is None else paired
    if within and not both:
        raise InputError("no subject has both treatments; expected paired=False", "compare_treatments")
    notes = _notes(within, apart, both, paired, level)
    rows, lost = [], []
    for name in names:
        ranks = scales.get(name, scales.get(name.split("[")[0], "")) or (
            "difference" if name.split("[")[0] in _BY_RANKS else "ratio")  # fmt: skip
        two, scaled = _two(one, other, name, within, normalise)
        if scaled:
            notes += [scaled] if scaled not in notes else []
        found = ratio_rows(two, level, power) if ranks == "ratio" else [difference_row(two, level)]
        rows += [{"parameter": name, "unit": other.units[name], **row} for row in found]
        lost += [(name, side.label, why, side.why[name].count(why)) for side in (one, other)
                 for why in dict.fromkeys(side.why[name]) if why]  # fmt: skip
    reasons = pandas.DataFrame(lost, columns=["parameter", "treatment", "reason", "subjects"])
    if lost:
        many = len(names) * (len(one.subjects) + len(other.subjects))
        warn(f"{int(reasons['subjects'].sum())} of {many} numbers are missing or not accepted "
             f"({few(dict.fromkeys(reasons['parameter']))}); which and why stands in lost")  # fmt: skip
    notes += [said for words, said in _SELECTED.items() if any(word in why for _, _, why, _ in lost for word in words)]
    if any(not row["excludes_none"] and np.isfinite(row["excluded"]) for row in rows):
        notes.append("could have excluded: with this scatter and as many patients, had no difference been observed")
    if any(row["measure"] == DIFFERENCE for row in rows):
        notes.append("Hodges and Lehmann's difference takes the treatment to shift all values by as much")
    return TreatmentComparison(
        pandas.DataFrame(rows, columns=list(COLUMNS)), reasons, one.label, other.label,
        "within subjects" if within else "between subjects", tuple(notes), {**other.attrs, **one.attrs},
    )  # fmt: skip


def _notes(within: bool, apart: bool, both: set[str], paired: bool | None, level: float) -> list[str]:
    """What is assumed, in words; warns of names that two studies share."""
    if apart and both and paired is None:
        warn(f"{len(both)} subjects of the two studies have one name ({few(sorted(both))}); they count as different "
             "patients, unless paired=True")  # fmt: skip
    notes = [f"intervals of {100 * level:g} %, each for itself: not corrected for the number of parameters"]
    if within:
        notes.append("the mixed model also uses subjects with one treatment only; period and sequence are not in it")
    elif apart:
        notes.append("two studies: whatever else differs between them is not told from the treatment")
    return notes


def _two(one: Side, other: Side, name: str, within: bool, normalise: bool) -> tuple[Two, str]:
    """The values of both sides, at one dose where that is wanted, and what was done."""
    sides, said = [one.values[name], other.values[name]], ""
    if (
        normalise
        and name in PARAMETERS
        and PARAMETERS[name].unit in _EXPOSURE
        and other.attrs.get("kind") != "response"
    ):
        sides, said = _at_one_dose(one, other, sides)
    if not within:
        return Two(sides[0], sides[1], False), said
    people = list(dict.fromkeys([*map(str, other.subjects), *map(str, one.subjects)]))
    wide = []
    for side, values in zip((one, other), sides, strict=True):
        own = dict(zip(map(str, side.subjects), values, strict=True))
        wide.append(np.array([own.get(who, np.nan) for who in people], dtype=float))
    return Two(wide[0], wide[1], True), said


def _at_one_dose(one: Side, other: Side, values: list[Array]) -> tuple[list[Array], str]:
    if one.dose is None or other.dose is None:
        return values, ""
    given = [one.dose, other.dose]
    doses = np.concatenate(given)
    if len(np.unique(doses[np.isfinite(doses)])) < 2:
        return values, ""
    to = float(np.nanmedian(other.dose))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = [np.where(dose > 0, x * to / dose, np.nan) for dose, x in zip(given, values, strict=True)]
    return scaled, f"doses differ; concentrations and areas are put to {to:g} {other.dose_unit}, in proportion".rstrip()


__all__ = ["DIFFERENCE", "RATIO", "TreatmentComparison", "compare_treatments"]

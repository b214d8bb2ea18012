"""Average bioequivalence of a 2×2 crossover: analysis of variance, mixed model, two one-sided tests."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtr, stdtrit

from pkpd.arguments import A_LABEL, checked
from pkpd.arrays import Array, Integers
from pkpd.errors import InputError, few, nearest, shown, warn
from pkpd.trial.exposure_response.descriptive import numbers_of
from pkpd.trial.exposure_response.reading import LARGEST
from pkpd.trial.interaction.crossover import crossover
from pkpd.trial.interaction.random_intercept import random_intercept
from pkpd.trial.recist.scans import SUBJECT, provenance
from pkpd.trial.tables import Column, read_table

if TYPE_CHECKING:
    import pandas

_COLUMNS = (
    SUBJECT,
    Column("period", "text", "period of the crossover", also=("occasion", "aperiod", "visit")),
    Column("treatment", "text", "what was given", also=("formulation", "trt", "trta", "arm")),
)
_USUAL = ("auc_last", "auc_inf_obs", "cmax")
_FEWEST = 3


@dataclass(frozen=True, eq=False)
class Bioequivalence:
    """What `bioequivalence` found.

    Attributes
    ----------
    results : DataFrame
        A row per parameter and method (``"ANOVA"``, ``"mixed model"``): ``parameter, method, subjects, dropped, ratio,
        low, high, level, cv_within`` (%), ``freedom, p_low, p_high`` (the one-sided tests), ``equivalent, reason``.
    anova : DataFrame
        ``parameter, source, ss, df, ms, f, p`` of the analysis of variance.
    limits : tuple of float
        Within which the interval must lie.
    scale : {"log", "raw"}
        On which was analysed.
    test, reference : str
        The treatments.
    attrs : dict
        What the data say of where they came from.
    """

    results: pandas.DataFrame
    anova: pandas.DataFrame
    limits: tuple[float, float]
    scale: str
    test: str
    reference: str
    attrs: dict[str, Any]

    def table(self) -> pandas.DataFrame:
        """Return a row per parameter and method."""
        return self.results.copy()

    def summary(self) -> str:
        """Return the verdicts in words, with what the sequences say of carry-over."""
        lines = [
            f"{self.test} against {self.reference}, {self.scale} scale, limits {self.limits[0]:g} to {self.limits[1]:g}"
        ]
        for row in self.results.itertuples(index=False):
            head = f"{row.parameter}, {row.method}, {row.subjects} subjects"
            if row.reason:
                lines.append(f"{head}: {row.reason}")
                continue
            verdict = "equivalent" if row.equivalent else "equivalence not shown"
            interval = f"{100 * row.level:g} % interval {row.low:.4f} to {row.high:.4f}"
            within = f"CV within subjects {row.cv_within:.1f} %"
            lines.append(f"{head}: ratio {row.ratio:.4f}, {interval}: {verdict}; {within}")
        for row in self.anova[self.anova["source"] == "sequence (carry-over)"].itertuples(index=False):
            lines.append(f"{row.parameter}: sequence p {row.p:.3g}: unequal carry-over, sequence and treatment × "
                         "period cannot be told apart in two periods")  # fmt: skip
        return "\n".join(lines)

    __repr__ = __str__ = summary

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.results.to_html(index=False)}"


@checked(test=A_LABEL, reference=A_LABEL)
def bioequivalence(
    data: Any,
    parameters: Sequence[str] | None = None,
    *,
    test: Any = "T",
    reference: Any = "R",
    scale: str = "log",
    limits: tuple[float, float] = (0.8, 1.25),
    level: float = 0.9,
    columns: Mapping[str, str] | None = None,
) -> Bioequivalence:
    """Return whether a test is equivalent to a reference on average, from a 2×2 crossover.

    The analysis of variance takes subjects with both periods (sequence, subject within sequence, period, treatment);
    the mixed model (subject random, restricted likelihood) all. Degrees of freedom are those within subjects. On the
    raw scale the interval of the difference is divided by the reference's mean, as if that were known.

    Parameters
    ----------
    data : Dataset, DataFrame, path, or mapping of column to values
        A result of `pkpd.nca` with coordinates ``period`` (or ``occasion``) and ``treatment`` over ``profile``; or a
        row per subject and period: ``subject, period, treatment`` and the parameters.
    parameters : sequence of str, optional
        Which; by default ``auc_last``, ``auc_inf_obs`` and ``cmax``, those that are there.
    test, reference : object
        The treatments.
    scale : {"log", "raw"}
        Of the analysis.
    limits : tuple of float
        Of the ratio.
    level : float
        Of the interval; 0.9 makes each one-sided test one at 5 %.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    Bioequivalence

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        Counting values that were left out.

    References
    ----------
    Schuirmann DJ. J Pharmacokinet Biopharm 1987;15:657-680. Chow S-C, Liu J-P, Design and Analysis of Bioavailability
    and Bioequivalence Studies, 3rd ed. (2009), chapters 3 and 4.
    """
    import pandas

    problems = [] if scale in ("log", "raw") else [f"unknown scale {shown(scale)}; {nearest(scale, ('log', 'raw'))}"]
    if not 0 < level < 1:
        problems.append(f"level is {shown(level)}; expected a number between 0 and 1")
    if not (0 < limits[0] < 1 < limits[1] < np.inf):
        problems.append(f"limits are {shown(limits)}; expected one below and one above 1, such as (0.8, 1.25)")
    if problems:
        raise InputError(problems, "bioequivalence")
    treatments = (str(test), str(reference))

    def named(table: pandas.DataFrame) -> list[str]:
        return [p for p in _USUAL if p in table] if parameters is None else list(dict.fromkeys(parameters))

    def problems_of(table: pandas.DataFrame) -> list[str]:
        found = [f"no column {name!r}; {nearest(name, [c for c in table if c != 'row'])}"
                 for name in named(table) if name not in table]  # fmt: skip
        if not named(table):
            found.append(f"no parameter is named, and the table has none of {', '.join(_USUAL)}")
        return found + _design_problems(table, treatments)

    wanted = tuple(
        Column(name, "number", "parameter", required=False, filled=False, low=-LARGEST, high=LARGEST)
        for name in dict.fromkeys(_USUAL if parameters is None else parameters)
        if name not in {column.name for column in _COLUMNS}
    )
    table = read_table(
        data, (*_COLUMNS, *wanted), "profiles", named=columns, unique=("subject", "period"), checks=(problems_of,)
    )
    names = named(table)
    first_period = sorted({*table["period"]}, key=_in_order)[0]
    table["first"] = table["period"] == first_period
    table["is_test"] = table["treatment"] == treatments[0]
    rows, anovas = [], []
    for name in names:
        y = numbers_of(table, name, "profiles")
        usable = np.isfinite(y) & ((y > 0) if scale == "log" else True)
        if not usable.all():
            warn(f"{name}: {int((~usable).sum())} of {len(y)} values are missing or have no logarithm; left out")
        here = table[usable].assign(y=np.log(y[usable]) if scale == "log" else y[usable])
        total = table["subject"].nunique()
        found, anova = _one(here, total, scale, limits, level)
        rows += [{"parameter": name, **row} for row in found]
        if anova is not None:
            anovas.append(anova.assign(parameter=name))
    heads = ["parameter", "source", "ss", "df", "ms", "f", "p"]
    anova = pandas.concat(anovas, ignore_index=True)[heads] if anovas else pandas.DataFrame(columns=heads)
    return Bioequivalence(
        pandas.DataFrame(rows), anova, limits, scale, *treatments, provenance(data),
    )  # fmt: skip


def _in_order(name: str) -> tuple[float, str]:
    try:
        return float(name), name
    except ValueError:
        return np.inf, name


def _design_problems(table: pandas.DataFrame, treatments: tuple[str, str]) -> list[str]:
    """What keeps a table from being a 2×2 crossover."""
    there = list(dict.fromkeys(one for one in table["treatment"] if one))
    problems = [f"treatment {shown(one)} never occurs; {nearest(one, there)}" for one in treatments if one not in there]
    if others := [one for one in there if one not in treatments]:
        problems.append(f"treatments {few(others)} besides {treatments[0]} and {treatments[1]}; expected two")
    if treatments[0] == treatments[1]:
        problems.append("test and reference are the same treatment")
    periods = list(dict.fromkeys(one for one in table["period"] if one))
    if len(periods) != 2:
        problems.append(f"{len(periods)} periods ({few(periods)}); expected two")
    known = (table["subject"] != "") & (table["treatment"] != "")
    twice = known & table.duplicated(["subject", "treatment"])
    if twice.any():
        problems.append(
            f"subject {few(table.loc[twice, 'subject'])} had a treatment in both periods; expected each once"
        )
    return problems


def _one(
    table: pandas.DataFrame, total: int, scale: str, limits: tuple[float, float], level: float
) -> tuple[list[dict[str, Any]], pandas.DataFrame | None]:
    """The rows of one parameter, and its analysis of variance."""
    wide = table.pivot(index="subject", columns="first", values="y")
    starts = table[table["first"]].set_index("subject")["is_test"]
    both = wide.dropna() if wide.shape[1] == 2 else wide.iloc[:0]
    test_first = starts.reindex(both.index).to_numpy(dtype=bool) if len(both) else np.zeros(0, dtype=bool)
    if len(both) < _FEWEST or test_first.all() or not test_first.any():
        why = f"{len(both)} subjects have both periods, {int(test_first.sum())} of them the test first"
        numbers = ("ratio", "low", "high", "cv_within", "freedom", "p_low", "p_high")
        none = {**dict.fromkeys(numbers, np.nan), "level": level, "equivalent": False,
                "reason": f"{why}; expected both sequences, three subjects in all"}  # fmt: skip
        return [
            {"method": m, "subjects": len(both), "dropped": total - len(both), **none} for m in ("ANOVA", "mixed model")
        ], None
    found = crossover(both[True].to_numpy(float), both[False].to_numpy(float), test_first)
    size = {"subjects": len(both), "dropped": total - len(both)}
    verdict = _verdict(found.effect, found.se, found.freedom, found.within, found.reference_mean, scale, limits, level)
    rows = [{"method": "ANOVA", **size, **verdict}]
    codes: Integers = np.unique(table["subject"].astype(str), return_inverse=True)[1]
    is_test, first = table["is_test"].to_numpy(float), table["first"].to_numpy(float)
    test_starts = (is_test == first).astype(float)  # test in the first period, or reference in the second
    x: Array = np.column_stack([np.ones(len(table)), is_test, first - 0.5, test_starts - 0.5])
    mixed = random_intercept(table["y"].to_numpy(float), x, codes)
    people = int(codes.max()) + 1
    freedom, se = len(table) - people - 2, float(np.sqrt(mixed.covariance[1, 1]))
    verdict = _verdict(float(mixed.beta[1]), se, freedom, mixed.within, float(mixed.beta[0]), scale, limits, level)
    rows.append({"method": "mixed model", "subjects": people, "dropped": total - people, **verdict})
    return rows, found.anova


def _verdict(effect: float, se: float, freedom: int, within: float, base: float, scale: str,
             limits: tuple[float, float], level: float) -> dict[str, Any]:  # fmt: skip
    """Ratio, interval and one-sided tests."""
    reach = float(stdtrit(freedom, 0.5 + level / 2)) * se
    if scale == "log":
        ratio, low, high = (float(np.exp(v)) for v in (effect, effect - reach, effect + reach))
        ends, cv = [float(np.log(v)) for v in limits], 100.0 * float(np.sqrt(np.expm1(within)))
    else:
        ratio, low, high = (1.0 + v / base for v in (effect, effect - reach, effect + reach))
        ends, cv = [(v - 1.0) * base for v in limits], 100.0 * float(np.sqrt(within)) / base
    with np.errstate(divide="ignore", invalid="ignore"):
        p_low = float(stdtr(freedom, -np.float64(effect - ends[0]) / se))
        p_high = float(stdtr(freedom, np.float64(effect - ends[1]) / se))
    return {"ratio": ratio, "low": low, "high": high, "level": level, "cv_within": cv, "freedom": freedom,
            "p_low": p_low, "p_high": p_high,
            "equivalent": bool(limits[0] <= low and high <= limits[1]), "reason": ""}  # fmt: skip

"""One model per exposure, raw and logarithmic, as a supplement prints them; with what could have been found."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import chdtrc, ndtri

from pkpd.arguments import NAMED, checked
from pkpd.arrays import Array, Integers
from pkpd.errors import FitWarning, InputError, nearest, shown, warn
from pkpd.trial.exposure_response.caveats import caveats_of
from pkpd.trial.exposure_response.descriptive import described, numbers_of
from pkpd.trial.exposure_response.detectable import detectable_effect
from pkpd.trial.exposure_response.logistic import fit_logistic
from pkpd.trial.exposure_response.ordinal import fit_ordinal
from pkpd.trial.exposure_response.reading import LARGEST, read_outcomes

if TYPE_CHECKING:
    import pandas

MODELS = ("logistic", "ordinal", "cox")
SCALES = ("raw", "log")
_COLUMNS = (
    "exposure", "scale", "model", "method", "patients", "responses", "left_out", "sd", "ratio", "low", "high",
    "ratio_per_sd", "low_per_sd", "high_per_sd", "p", "p_ratio",
    "p_holm", "detectable", "reason",
)  # fmt: skip
_FEWEST = 3
_ML = "maximum likelihood, Wald intervals"


@dataclass(frozen=True, eq=False)
class ExposureModels:
    """What `exposure_models` found.

    Attributes
    ----------
    models : DataFrame
        A row per exposure and scale: ``exposure, scale, model, method, patients, responses, left_out, sd`` (of the
        covariate), ``ratio, low, high`` (odds or hazard ratio per unit, or per factor e on the log scale),
        ``ratio_per_sd, low_per_sd, high_per_sd, p`` (of the method), ``p_ratio`` (likelihood ratio; Wald's p fails
        where an effect is very large), ``p_holm, detectable`` (ratio per SD), ``reason``.
    descriptive : DataFrame
        A row per exposure and category of the response, and one for all.
    caveats : tuple of str
        What the models cannot see.
    response, model : str
        What was explained, and by which kind of model.
    level, power, alpha : float
        Of intervals; of the detectable effect.
    attrs : dict
        What the table says of where it came from.
    """

    models: pandas.DataFrame
    descriptive: pandas.DataFrame
    caveats: tuple[str, ...]
    response: str
    model: str
    level: float
    power: float
    alpha: float
    attrs: dict[str, Any]

    def table(self) -> pandas.DataFrame:
        """Return the models, a row each."""
        return self.models.copy()

    def summary(self) -> str:
        """Return the models in words, what could have been found, how many tests there were, and the caveats."""
        ratio = "hazard ratio" if self.model == "cox" else "odds ratio"
        lines = [f"{self.response}: {self.model} models, one per exposure and scale"]
        for row in self.models.itertuples(index=False):
            head = f"{row.exposure} ({row.scale}), {row.responses} in {row.patients}: "
            if row.reason and np.isnan(row.ratio_per_sd):
                lines.append(head + row.reason)
                continue
            text = (
                f"{ratio} per SD {row.ratio_per_sd:.3g} ({row.low_per_sd:.3g} to {row.high_per_sd:.3g}), p {row.p:.3g}"
            )
            if (row.p >= self.alpha) != (row.p_ratio >= self.alpha):
                text += f" (by likelihood ratio {row.p_ratio:.3g})"
            if row.p >= self.alpha:
                text += f"; {row.detectable:.3g} would have been found with {100 * self.power:g} % power"
            lines.append(head + text + (f"; {row.reason}" if row.reason else ""))
        tests = int(self.models["p"].notna().sum())
        low = int((self.models["p"] < self.alpha).sum())
        lines.append(
            f"{tests} tests: by chance alone {self.alpha * tests:.2g} would be below {self.alpha:g}; {low} "
            f"{'is' if low == 1 else 'are'}, {int((self.models['p_holm'] < self.alpha).sum())} after Holm's correction"
        )
        return "\n".join([*lines, *self.caveats])

    __repr__ = __str__ = summary

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.models.to_html(index=False)}"


@checked(measured=NAMED)
def exposure_models(
    patients: Any,
    response: str,
    exposures: Sequence[str],
    *,
    model: str = "logistic",
    scales: Sequence[str] = SCALES,
    positive: Sequence[Any] | None = None,
    order: Sequence[Any] | None = None,
    measured: Mapping[str, Any] | None = None,
    when: str | None = None,
    level: float = 0.95,
    power: float = 0.8,
    alpha: float = 0.05,
    columns: Mapping[str, str] | None = None,
) -> ExposureModels:
    """Return one model of a response per exposure, raw and logarithmic, with what the trial could have found.

    Parameters
    ----------
    patients : DataFrame, path, or mapping of column to values
        One row per patient.
    response : str
        Column: yes or no; an ordered category for ``"ordinal"``; for ``"cox"`` whether the event happened, beside a
        column ``duration``.
    exposures : sequence of str
        Columns of numbers: Cmax, AUC, a biomarker's baseline or change.
    model : {"logistic", "ordinal", "cox"}
        Where the data separate, logistic models are fitted with Firth's penalty, and the others have no estimate, with
        that as their reason.
    scales : sequence of {"raw", "log"}
        Numbers that are not positive have no logarithm, and are left out there, counted.
    positive, order : sequence, optional
        As in `logistic` and `ordinal`.
    measured : mapping, optional
        Exposure → day, or column of days, until which it was measured.
    when : str, optional
        Column of the day of the response; of ``"cox"`` it is ``duration``.
    level : float
        Coverage of the intervals.
    power, alpha : float
        Of the effect that could have been detected.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    ExposureModels
        Models, descriptive table, caveats.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    FitWarning
        Naming the exposures that separate.
    DataWarning
        Counting rows that were left out, and events before an exposure was known.

    References
    ----------
    Holm S. Scand J Stat 1979;6:65-70.
    """
    import pandas

    problems = [] if model in MODELS else [f"unknown model {shown(model)}; {nearest(model, MODELS)}"]
    wanted = [scales] if isinstance(scales, str) else list(scales)
    problems += [f"unknown scale {shown(one)}; {nearest(str(one), SCALES)}" for one in wanted if one not in SCALES]
    if isinstance(exposures, str) or not exposures or not wanted:
        problems.append("expected a list of exposures and of scales, at least one of each")
    shares = {"level": level, "power": power, "alpha": alpha}
    problems += [f"{name} is {shown(value)}; expected a number between 0 and 1"
                 for name, value in shares.items() if not 0 < value < 1]  # fmt: skip
    if not problems and response in exposures:
        problems.append(f"{response!r} is both the response and an exposure")
    if problems:
        raise InputError(problems, "exposure_models")
    survival = model == "cox"
    outcomes = read_outcomes(
        patients, response, [*exposures, *(["duration"] if survival else [])], columns, positive=positive, order=order,
        ordinal=model == "ordinal",
    )  # fmt: skip
    table, y = outcomes.table, outcomes.category
    duration = numbers_of(table, "duration", "patients") if survival else None
    caveats = caveats_of(table, y > 0, exposures, measured, "duration" if survival and when is None else when, survival)
    rows = []
    for exposure in dict.fromkeys(exposures):
        raw = numbers_of(table, exposure, "patients")
        for scale in dict.fromkeys(wanted):
            with np.errstate(divide="ignore", invalid="ignore"):
                x = raw if scale == "raw" else np.where(raw > 0, np.log(raw), np.nan)
            known = np.isfinite(x) & (np.isfinite(duration) if duration is not None else True)
            time = duration[known] if duration is not None else None
            found = _one(x[known], y[known], time, model, outcomes.names, level, power, alpha)
            rows.append(
                {"exposure": exposure, "scale": scale, "model": model, "left_out": int((~known).sum()), **found}
            )
    models = pandas.DataFrame(rows)
    models["p_holm"] = _holm(models["p"].to_numpy(float))
    _say(models, len(table))
    seen = described(table, y, outcomes.names, [*dict.fromkeys(exposures)], "patients")
    return ExposureModels(
        models[list(_COLUMNS)], seen, tuple(caveats), response, model, level, power, alpha, outcomes.attrs,
    )  # fmt: skip


def _one(x: Array, y: Integers, time: Array | None, model: str, names: tuple[str, ...], level: float, power: float,
         alpha: float) -> dict[str, Any]:  # fmt: skip
    """One row: the model of one covariate."""
    counts = np.bincount(y, minlength=2)
    sd = float(x.std(ddof=1)) if len(x) > 1 else np.nan
    row: dict[str, Any] = {"patients": len(x), "responses": _counted(counts, names, model), "sd": sd, "method": "none"}
    size = {"events": float(counts[1:].sum())} if time is not None else {"categories": counts.astype(float).tolist()}
    row["detectable"] = detectable_effect(**size, power=power, alpha=alpha)
    why = ""
    if len(x) < _FEWEST:
        why = f"only {len(x)} patients have a number"
    elif not sd > max(1e-12 * float(np.abs(x).max()), 1.0 / LARGEST):
        why = "the same in all patients; it can explain nothing"
    elif time is None and int((counts > 0).sum()) < 2:
        why = "all patients have the same response; there is nothing to explain"
    elif time is not None and not counts[1:].sum():
        why = "no event happened; there is nothing to explain"
    estimate = low = high = p = p_ratio = np.nan
    if not why:
        estimate, low, high, p, p_ratio, row["method"], why = _fitted((x - x.mean()) / sd, y, time, model, names, level)
    sd = np.nan if row["method"] == "none" else sd
    with np.errstate(over="ignore", invalid="ignore"):
        row |= {"ratio": np.exp(estimate / sd), "low": np.exp(low / sd), "high": np.exp(high / sd),
                "ratio_per_sd": np.exp(estimate), "low_per_sd": np.exp(low), "high_per_sd": np.exp(high)}  # fmt: skip
    return {**row, "p": p, "p_ratio": p_ratio, "reason": why}


def _counted(counts: Integers, names: tuple[str, ...], model: str) -> str:
    if model != "ordinal":
        return f"{int(counts[1:].sum())}"
    return ", ".join(f"{name} {n}" for name, n in zip(names, counts, strict=False))


def _fitted(z: Array, y: Integers, time: Array | None, model: str, names: tuple[str, ...], level: float
            ) -> tuple[float, float, float, float, float, str, str]:  # fmt: skip
    """Estimate, limits and p per SD, p by likelihood ratio, the method, and what is to be said of it."""
    flat = _flat(y)
    if model == "logistic":
        fit = fit_logistic(z[:, None], y.astype(float), ("x",), "auto", level, quiet=True)
        why = "the exposure tells responders apart; by Firth's penalty" if fit.separates else ""
        p = float(fit.p[1])
        ratio = p if fit.separates else _by_ratio(fit.log_likelihood - flat)
        return float(fit.estimates[1]), float(fit.low[1]), float(fit.high[1]), p, ratio, fit.method, why
    if time is None:
        ordered = fit_ordinal(z[:, None], y, ("x",), names, level)
        row = ordered.table().iloc[0]
        reach = float(ndtri(0.5 + level / 2)) * float(row["se"])
        value = float(row["estimate"])
        ratio = _by_ratio(ordered.log_likelihood - flat)
        return value, value - reach, value + reach, float(row["p"]), ratio, _ML, ordered.reason
    import warnings

    from pkpd.trial.survival.cox import cox

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # said in the row
        try:
            cox_fit = cox({"duration": time, "event": y > 0, "x": z}, ["x"], method="auto", level=level)
        except InputError as error:  # at no event does the exposure differ between those at risk
            return np.nan, np.nan, np.nan, np.nan, np.nan, "none", str(error.problems[0])
    row = cox_fit.table().iloc[0]
    low, high, p = (float(one) for one in (np.log(row["low"]), np.log(row["high"]), row["p"]))
    if cox_fit.profiles is not None:
        why = "the likelihood grows without end; by Firth's penalty"
        return float(row["estimate"]), low, high, p, p, f"{cox_fit.method}, ties by Efron", why
    ratio, method = cox_fit.likelihood_ratio()[2], "partial likelihood, ties by Efron"
    return float(row["estimate"]), low, high, p, ratio, method, ""


def _flat(y: Integers) -> float:
    """The log likelihood of categories without covariates."""
    counts = np.bincount(y)[np.bincount(y) > 0].astype(float)
    return float((counts * np.log(counts / counts.sum())).sum())


def _by_ratio(gain: float) -> float:
    return float(chdtrc(1, max(2.0 * gain, 0.0))) if np.isfinite(gain) else float("nan")


def _holm(p: Array) -> Array:
    """Return p values corrected for their number; NaN is no test."""
    found = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = (len(order) - np.arange(len(order))) * p[order]
    found[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return found


def _say(models: pandas.DataFrame, patients: int) -> None:
    """Warn of what was left out, and of what separates."""
    lost = models[models["left_out"] > 0]
    if len(lost):
        each = ", ".join(f"{row.exposure} ({row.scale}) {row.left_out}" for row in lost.head(5).itertuples())
        more = f" and {len(lost) - 5} more models" if len(lost) > 5 else ""
        warn(f"of {patients} patients left out for want of a number: {each}{more}")
    apart = models[models["reason"].str.contains("apart|without end")]
    if len(apart):
        each = ", ".join(f"{row.exposure} ({row.scale})" for row in apart.head(5).itertuples())
        warn(f"separated data: {each}{f' and {len(apart) - 5} more' if len(apart) > 5 else ''}", FitWarning)

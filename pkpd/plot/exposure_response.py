"""Observed rates of a response by quantile of exposure, with the band of a logistic model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from scipy.special import expit, ndtri

from pkpd.arguments import at_least, checked
from pkpd.errors import InputError
from pkpd.plot import style
from pkpd.trial.exposure_response.descriptive import exposure_quantiles, numbers_of
from pkpd.trial.exposure_response.logistic import fit_logistic
from pkpd.trial.exposure_response.reading import read_outcomes

_POINTS = 200


@checked(groups=at_least(1))
def exposure_response(
    patients: Any,
    response: str,
    exposure: str,
    *,
    groups: int = 4,
    positive: Sequence[Any] | None = None,
    log: bool = False,
    level: float = 0.95,
    columns: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw observed rates in quantile groups of exposure, with exact intervals, and a logistic model with its band.

    Points stand at the medians of the groups, bars reach from their lowest to their highest exposure. Every patient is
    a tick, above if he responded and below if not. The band is Wald's on the scale of log odds; where the exposure
    tells responders apart the model is fitted with Firth's penalty.

    Parameters
    ----------
    patients : DataFrame, path, or mapping of column to values
        One row per patient.
    response, exposure : str
        Columns.
    groups : int
        Quantile groups.
    positive : sequence, optional
        Values of the response that count as one.
    log : bool
        Whether the model and the axis are logarithmic in exposure.
    level : float
        Coverage of the intervals and of the band.
    columns : mapping, optional
        Our name → its heading in the table.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    rates = exposure_quantiles(
        patients, response, exposure, groups=groups, positive=positive, level=level, columns=columns
    )
    outcomes = read_outcomes(patients, response, [exposure], columns, positive=positive)
    x, y = numbers_of(outcomes.table, exposure, "patients"), outcomes.category
    x, y = x[np.isfinite(x)], y[np.isfinite(x)]
    if log and (x <= 0).any():
        raise InputError(f"{exposure} is not positive in {int((x <= 0).sum())} patients; expected > 0, or log=False",
                         "exposure_response")  # fmt: skip
    if np.ptp(x) == 0 or len({*y.tolist()}) < 2:
        raise InputError(
            "expected different exposures, and patients with and without the response", "exposure_response"
        )
    scaled = np.log(x) if log else x
    fit = fit_logistic(scaled[:, None], y.astype(float), (exposure,), "auto", level, quiet=True)
    grid = np.linspace(scaled.min(), scaled.max(), _POINTS)
    wide = np.column_stack([np.ones(_POINTS), grid])
    centre = wide @ fit.estimates
    reach = float(ndtri(0.5 + level / 2)) * np.sqrt(np.einsum("ij,jk,ik->i", wide, fit.covariance, wide))
    drawn = np.exp(grid) if log else grid
    ax = style.axes_of(ax, (6.4, 4.4))
    colour, other = style.COLORS[0], style.COLORS[1]
    ax.fill_between(drawn, expit(centre - reach), expit(centre + reach), color=colour, alpha=0.15, lw=0)
    p = f"p {fit.p[1]:.2g}"
    ax.plot(drawn, expit(centre), color=colour, lw=1.5, label=f"logistic model, {p}")
    middle, rate = rates["exposure_median"].to_numpy(float), rates["rate"].to_numpy(float)
    sides = np.abs(np.stack([rates["low"] - rate, rates["high"] - rate]))
    spread = np.abs(np.stack([rates["exposure_low"] - middle, rates["exposure_high"] - middle]))
    ax.errorbar(middle, rate, yerr=sides, xerr=spread, fmt="o", color=other, ms=5, lw=1.0, capsize=2,
                label="observed, exact interval")  # fmt: skip
    for event, height in ((1, 1.03), (0, -0.03)):
        ax.plot(x[y == event], np.full(int((y == event).sum()), height), "|", color=style.QUIET, ms=6, label="_")
    for row in rates.itertuples():
        ax.annotate(f"{row.responses}/{row.patients}", (row.exposure_median, row.rate), (5, 4), fontsize=style.SMALL,
                    textcoords="offset points", color=other,
                    path_effects=[withStroke(linewidth=2.0, foreground="white")])  # fmt: skip
    if log:
        style.log_scale(ax, "x")
    ax.set_ylim(-0.07, 1.2)  # room for the legend above the marks of the patients with the response
    ax.set_yticks(np.linspace(0.0, 1.0, 6))
    ax.set_xlabel(exposure)
    ax.set_ylabel(
        "probability of the response" if positive is None else f"probability of {', '.join(map(str, positive))}"
    )
    ax.legend(loc="upper left", ncols=2, fontsize=style.SMALL, frameon=False)
    style.caption(ax, outcomes.attrs, [f"{100 * level:g} % intervals", fit.method])
    return ax

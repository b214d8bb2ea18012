"""Dose proportionality on logarithmic axes."""

from __future__ import annotations

import textwrap

import numpy as np
import xarray
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.nca.after.proportionality import PowerModel, power_model
from pkpd.nca.given import PROFILES
from pkpd.plot import marks, style


@checked(result=PROFILES)
def proportionality(
    result: xarray.Dataset,
    parameter: str = "auc_inf_obs",
    *,
    level: float = 0.9,
    limits: tuple[float, float] = (0.8, 1.25),
    ax: Axes | None = None,
) -> Axes:
    """Draw a parameter over the dose on logarithmic axes with the power model and the line of proportionality.

    The line of proportionality has slope 1 and passes through the mean of the logarithms. The legend gives β with its
    interval, the caption the conclusion by the criterion of Smith et al.

    Parameters
    ----------
    result : Dataset
        What `pkpd.nca.nca` returned; choose the profiles first, e.g. those of the first interval.
    parameter : str
        Name of the parameter.
    level : float
        Confidence level of β and of the band of the line.
    limits : tuple of float
        Accepted ratio of dose-normalised means between the ends of the dose range.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        If the parameter does not exist or a choice cannot be used.

    References
    ----------
    Smith BP et al. Confidence interval criteria for assessment of dose proportionality. Pharm Res 17 (2000) 1278-1283.
    """
    style.require_name(parameter, [n for n, v in result.data_vars.items() if v.dims == ("profile",)], "parameter")
    dose, value = (result[n].to_numpy().astype(float) for n in ("dose", parameter))
    model = power_model(dose, value, level=level, limits=limits, parameter=parameter)
    ax = style.axes_of(ax, (5.6, 4.6))
    style.log_scale(ax, "x")
    style.log_scale(ax, "y")
    good = (dose > 0) & (value > 0)
    ax.plot(dose[good], value[good], "o", color=style.DATA, ms=4.5, alpha=0.6, mec="none", label="profiles", zorder=3)
    _line(ax, model)
    given = np.unique(dose[good])
    if 0 < len(given) <= 8 and (np.log(given[1:] / given[:-1]) > 0.08 * np.log(given[-1] / given[0])).all():
        ax.set_xticks(given)
    ax.set_xlabel(style.labelled("dose", str(result["dose"].attrs.get("units", ""))))
    about = result[parameter].attrs
    ax.set_ylabel(style.labelled(str(about.get("symbol", parameter)), str(about.get("units", ""))))
    notes = [f"{model.dropped} without a positive number"] if model.dropped else []
    if model.conclusion:
        verb = {"proportional": "lies within", "inconclusive": "crosses the end of"}.get(
            model.conclusion, "lies outside"
        )
        notes += [f"{model.conclusion}: CI {verb} {model.critical_low:.2f} to {model.critical_high:.2f}"]
    style.caption(ax, result.attrs, notes)
    marks.finish(ax)
    return ax


def _line(ax: Axes, model: PowerModel) -> None:
    """Power model with its band, and the line of slope 1."""
    if model.reason:
        text = textwrap.fill(f"no power model: {model.reason}", min(60, marks.characters(ax)))
        ax.plot([], [], ls="none", label=text)
        return
    x = np.geomspace(model.lowest, model.highest, 60)
    centre, low, high = model.line(x)
    text = f"β {model.beta:.3f} ({100 * model.level:g} % CI {model.beta_low:.3f} to {model.beta_high:.3f})"
    ax.fill_between(x, low, high, color=style.MODEL, alpha=0.2, lw=0, label=f"{100 * model.level:g} % CI of the line")
    ax.plot(x, centre, color=style.MODEL, lw=1.6, label=f"power model, {text}")
    middle = model.alpha + model.beta * model.mean_log_dose
    even = np.exp(middle + np.log(x) - model.mean_log_dose)
    ax.plot(x, even, color=style.DOSE, lw=1.0, ls="--", label="proportional, β = 1")

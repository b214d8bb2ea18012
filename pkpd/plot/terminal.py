"""The terminal regression of non-compartmental profiles."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.nca import lambda_z_line
from pkpd.nca.given import OF_SAMPLES
from pkpd.plot import marks, style


@checked(result=OF_SAMPLES)
def lambda_z(
    result: xarray.Dataset, profile: int = 0, *, ax: Axes | None = None, log: bool = True, time_unit: str | None = None
) -> Axes:
    """Draw the samples of one profile with the regression that gave λz.

    Samples in the regression are filled, the others hollow. The legend gives half-life, number of points and adjusted
    R², or the reason why there is no λz. Samples that are zero or below the limit of quantification, as far as the
    rules kept them, stand along the bottom, since the result does not hold the limit.

    Parameters
    ----------
    result : Dataset
        What `pkpd.nca.nca` returned.
    profile : int
        Position of the profile.
    ax : Axes, optional
        Where to draw; by default a new figure.
    log : bool
        Whether the axis of values is logarithmic.
    time_unit : str, optional
        Unit of the axis; by default the result's.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        If there is no such profile.
    """
    lambda_z_line(result, profile)  # complains about an unknown profile before a figure exists
    ax = style.axes_of(ax)
    _draw(result, profile, ax, log, time_unit)
    return ax


@checked(result=OF_SAMPLES)
def lambda_z_page(
    result: xarray.Dataset, axes: Any = None, profiles: Sequence[int] | None = None, *, log: bool = True
) -> np.ndarray[Any, Any]:
    """Draw the terminal regressions of several profiles, one per given axes; axes left over are hidden.

    Filled points are in the regression, hollow ones are not.

    Parameters
    ----------
    result : Dataset
        What `pkpd.nca.nca` returned.
    axes : array of Axes, optional
        For instance ``plt.subplots(2, 3, layout="constrained")[1]``; by default those of a new figure.
    profiles : sequence of int, optional
        Positions of the profiles; by default the first ones, as many as there are axes, at most 12 in a new figure.
    log : bool
        Whether the axes of values are logarithmic.

    Returns
    -------
    array of Axes
        The given axes, or those of the new figure.

    Raises
    ------
    InputError
        If there are more profiles than axes, or a profile does not exist.
    """
    most = style.MOST_PANELS if axes is None else int(np.size(axes))
    chosen = list(range(min(most, result.sizes["profile"]))) if profiles is None else list(profiles)
    return style.fill(axes, chosen, lambda profile, ax: _draw(result, profile, ax, log, key=False))


def _draw(
    result: xarray.Dataset, profile: int, ax: Axes, log: bool, time_unit: str | None = None, key: bool = True
) -> None:
    """Draw one profile; without `key` the legend explains only what differs between profiles."""
    table = lambda_z_line(result, profile)
    row = result.isel(profile=profile)
    unit = result["sample_time"].attrs["units"]
    table = table.assign(x=style.clock(table["time"], unit, time_unit))
    known = table[table["quantified"]]
    if log and (known["value"] > 0).any():
        style.log_scale(ax)
    used = known[known["used"]]
    rest = known[~known["used"]]
    if len(rest):
        ax.plot(rest["x"], rest["value"], "o", mfc="none", mec=style.DATA, ms=5, label="not used" if key else "_")
    if len(used):
        ax.plot(used["x"], used["value"], "o", color=style.DATA, ms=5, label="used for λz" if key else "_")
    blq = table[~table["quantified"]]
    marks.along_bottom(ax, blq["x"], marks.BELOW, f"BLQ or zero ({len(blq)})")
    _regression(ax, row, unit, time_unit)
    occasion = str(row["occasion"].item())
    place = (
        f", occasion {occasion}"
        if occasion not in ("", "<NA>", "nan", "None")
        else f", interval {row['interval'].item()}"
    )
    several = int((result["subject"] == row["subject"]).sum()) > 1
    ax.set_title(f"subject {row['subject'].item()}{place if several else ''}", loc="left", fontsize=10)
    style.time_axis(ax, "time after the dose", unit, time_unit)
    ax.set_ylabel(style.labelled(str(result.attrs.get("analyte", "value")), result["sample_value"].attrs["units"]))
    dropped = int(row["n_blq"].item()) - len(blq) if np.isfinite(row["n_blq"].item()) else 0
    style.caption(ax, result.attrs, [f"{dropped} BLQ dropped"] if dropped > 0 else [])
    if table.empty:
        ax.set(xticks=[], yticks=[])
    elif known.empty:
        ax.set_yticks([])
    marks.finish(ax)


def _regression(ax: Axes, row: xarray.Dataset, unit: str, time_unit: str | None) -> None:
    """The line with its numbers in the legend, or the reason why there is none."""
    rate = row["lambda_z"].item()
    if not np.isfinite(rate):
        reason = str(row["reason"].sel(parameter="lambda_z").item()) or "not computed"
        ax.plot([], [], ls="none", label=textwrap.fill(f"no λz: {reason}", min(60, marks.characters(ax))))
        return
    t = np.linspace(row["lambda_z_start"].item(), row["lambda_z_end"].item(), 50)
    text = (
        f"t½ {row['half_life'].item():.3g} {unit}, {row['lambda_z_points'].item():.0f} points,\n"
        f"adjusted R² {row['lambda_z_r2_adjusted'].item():.4f}"
    )
    line = np.exp(row["lambda_z_intercept"].item() - rate * t)
    ax.plot(style.clock(t, unit, time_unit), line, color=style.MODEL, lw=1.4, label=text)

"""Random effects of a population fit: their distribution beside the one that was estimated, with the shrinkage."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.plot import marks, style
from pkpd.plot.goodness import status_notes


@checked
def random_effects(fit: PopulationFit, name: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the distribution of a random effect over subjects (conditional modes) beside the estimated normal one.

    Where the data say little of each subject the modes draw back to 0: the histogram is narrower than the curve, and
    the shrinkage in the legend is large.

    Parameters
    ----------
    fit : PopulationFit
        Which fit.
    name : str, optional
        Such as ``"eta_CL"`` or ``"kappa_CL"``; may be left out if there is only one.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        If there is no such random effect.
    """
    table = fit.shrinkage
    name = str(table.index[0]) if name is None and len(table) == 1 else name
    style.require_name(name, table.index, "random effect")
    assert name is not None
    kind, _, parameter = name.partition("_")
    found = fit.individuals
    own = found["eta"].sel(effect=parameter) if kind == "eta" else found["kappa"].sel(kappa_of=parameter)
    values = own.to_numpy()[np.isfinite(own.to_numpy())]
    ax = style.axes_of(ax, (5.2, 3.6))
    sd, shrunk = float(table.loc[name, "omega"]), float(table.loc[name, "shrinkage SD %"])
    reach = max(3.0 * sd, 1.1 * float(np.abs(values).max(initial=0.0)))
    bins = int(np.clip(2 * np.sqrt(len(values)), 6, 30))
    ax.hist(
        values, bins=np.linspace(-reach, reach, bins + 1).tolist(), density=True, color=style.DATA, alpha=0.35,
        label=f"modes ({len(values)}), shrinkage {shrunk:.0f} %",
    )  # fmt: skip
    x = np.linspace(-reach, reach, 200)
    density = np.exp(-0.5 * (x / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
    ax.plot(x, density, color=style.MODEL, lw=1.4, label=f"estimated, SD {sd:.3g}")
    ax.plot(values, np.full(len(values), 0.02), "|", color=style.DATA, ms=8, transform=ax.get_xaxis_transform())
    ax.set_xlabel(name)
    ax.set_ylabel("density")
    ax.set_ylim(bottom=0, auto=True)
    style.caption(ax, fit.attrs, status_notes(fit))
    marks.finish(ax)
    return ax


@checked
def random_effects_page(fit: PopulationFit, axes: Any = None) -> np.ndarray[Any, Any]:
    """Draw every random effect that has a variance, one per given axes; axes left over are hidden.

    Parameters
    ----------
    fit : PopulationFit
        Which fit.
    axes : array of Axes, optional
        For instance ``plt.subplots(1, 3, layout="constrained")[1]``; by default those of a new figure.

    Returns
    -------
    array of Axes
        The given axes, or those of the new figure.

    Raises
    ------
    InputError
        If there are fewer axes than random effects.
    """
    return style.fill(axes, list(fit.shrinkage.index), lambda name, ax: random_effects(fit, name, ax=ax))

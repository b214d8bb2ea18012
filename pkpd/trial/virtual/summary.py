"""What virtual trials report, as one table over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkpd.arguments import checked
from pkpd.arrays import Flags
from pkpd.errors import InputError, shown

if TYPE_CHECKING:
    import pandas
    import xarray


@checked
def summarise_virtual(tree: xarray.DataTree, level: float = 0.9) -> pandas.DataFrame:
    """Return what virtual trials report: mean, median and prediction interval over the trials.

    Parameters
    ----------
    tree : DataTree
        What `virtual_trials` returned.
    level : float
        Coverage of the interval between quantiles of the trials.

    Returns
    -------
    DataFrame
        One row a quantity: ``name, what, unit, trials`` (in which it could be computed), ``mean, median, low, high``.
        A dose has the shares of the trials that chose it: ``name`` is ``"dose 30"``, ``mean`` the share in %.

    Raises
    ------
    InputError
        If the tree is none of virtual trials, or the level is no probability.
    """
    import pandas

    if "trials" not in getattr(tree, "children", {}) or "assumptions" not in tree.children:
        raise InputError("the tree has no /trials and /assumptions; expected what virtual_trials returned")
    if not 0 < level < 1:
        raise InputError(f"level is {shown(level)}; expected a number between 0 and 1")
    reports = tree["trials"].to_dataset()
    ends = (50 * (1 - level), 50 * (1 + level))
    rows = []
    chosen = reports["dose"].to_numpy()
    for dose in tree["cohorts"]["dose"].to_numpy():
        rows.append(
            _share(f"dose {dose:g}", f"trials that chose {dose:g} {reports['dose'].attrs['units']}", chosen == dose)
        )
    rows.append(_share("no dose", "trials that chose no dose", np.isnan(chosen)))
    for name, values in reports.data_vars.items():
        if name == "dose":
            continue
        known = values.to_numpy()[np.isfinite(values.to_numpy())]
        low, high = np.percentile(known, ends) if len(known) else (np.nan, np.nan)
        rows.append({
            "name": name, "what": values.attrs["long_name"], "unit": values.attrs["units"], "trials": len(known),
            "mean": known.mean() if len(known) else np.nan, "median": np.median(known) if len(known) else np.nan,
            "low": low, "high": high,
        })  # fmt: skip
    table = pandas.DataFrame(rows)
    table.attrs.update(tree.attrs, level=level)
    return table


def _share(name: str, what: str, mask: Flags) -> dict[str, object]:
    return {"name": name, "what": what, "unit": "%", "trials": len(mask), "mean": 100 * mask.mean(), "median": np.nan,
            "low": np.nan, "high": np.nan}  # fmt: skip


__all__ = ["summarise_virtual"]

"""Whether the curves of groups differ: the log-rank test and its weighted kin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import chdtrc

from pkpd.arguments import checked
from pkpd.errors import InputError, nearest, shown
from pkpd.trial.extras import need_statsmodels
from pkpd.trial.survival.patients import groups_of, read_times

if TYPE_CHECKING:
    import pandas

WEIGHTS = {"log-rank": None, "Gehan-Breslow": "gb", "Tarone-Ware": "tw"}
"""Name → statsmodels' name: all events alike, or early ones more (by n, by the root of n)."""


@checked
def log_rank(
    times: Any,
    by: str,
    *,
    strata: str | None = None,
    weights: str = "log-rank",
    columns: Mapping[str, str] | None = None,
) -> pandas.DataFrame:
    r"""Return the log-rank test of groups, with the events that each would have if all were alike.

    At every event time, :math:`E_g = \sum d_i n_{gi}/n_i`; the test compares all of them with what was observed, by the
    hypergeometric covariance.

    Parameters
    ----------
    times : DataFrame, path, mapping of column to values, Study, or Dataset
        ``duration``, ``event``, and the columns named below.
    by : str
        Column of the groups.
    strata : str, optional
        Column within whose values the groups are compared.
    weights : {"log-rank", "Gehan-Breslow", "Tarone-Ware"}
        Which events weigh how much.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        One row per group: ``group, patients, events, expected``; then in every row the test of all groups:
        ``chi_square, df, p, test``.

    Raises
    ------
    InputError
        Listing all that cannot be used; if there is one group only, or no event.

    References
    ----------
    Mantel N. Cancer Chemother Rep 1966;50:163-170.
    """
    import pandas

    need_statsmodels("log_rank")
    from statsmodels.duration.survfunc import survdiff

    if weights not in WEIGHTS:
        raise InputError(f"unknown weights {shown(weights)}; {nearest(weights, WEIGHTS)}", "log_rank")
    table = read_times(times, [], columns, [by, strata])
    names, group = groups_of(table, by, "times")
    _, layer = groups_of(table, strata, "times")
    duration, event = table["duration"].to_numpy(float), table["event"].to_numpy(float)
    if len(names) < 2:
        raise InputError(f"column {by!r} has one group ({names[0]}); expected at least two", "log_rank")
    if not event.any():
        raise InputError("no event happened; there is nothing to compare", "log_rank")
    expected = _expected(duration, event, group, layer, names)
    lost = np.flatnonzero(expected <= 0)
    if lost.size:
        raise InputError([f"group {names[k]}: all are censored before the first event" for k in lost], "log_rank")
    code = np.searchsorted(np.sort(names), group)
    try:
        found = survdiff(
            duration, event, code, weight_type=WEIGHTS[weights], strata=layer if strata is not None else None
        )
        chi_square = float(found[0])
    except np.linalg.LinAlgError:
        chi_square = float("nan")
    if not np.isfinite(chi_square):
        raise InputError("no event happened while others of another group were at risk", "log_rank")
    return pandas.DataFrame({
        "group": names, "patients": [int((group == name).sum()) for name in names],
        "events": [int(event[group == name].sum()) for name in names], "expected": expected,
        "chi_square": chi_square, "df": len(names) - 1, "p": float(chdtrc(len(names) - 1, chi_square)), "test": weights,
    })  # fmt: skip


def _expected(duration: Any, event: Any, group: Any, layer: Any, names: list[Any]) -> Any:
    """Events of each group if all were alike, shape (groups,)."""
    expected = np.zeros(len(names))
    for one in dict.fromkeys(layer):
        mine = layer == one
        t, e, g = duration[mine], event[mine], group[mine]
        at = np.unique(t[e > 0])
        n = len(t) - np.searchsorted(np.sort(t), at, side="left")
        d = np.searchsorted(np.sort(t[e > 0]), at, side="right") - np.searchsorted(np.sort(t[e > 0]), at, side="left")
        for k, name in enumerate(names):
            own = np.sort(t[g == name])
            expected[k] += (d * (len(own) - np.searchsorted(own, at, side="left")) / n).sum()
    return expected

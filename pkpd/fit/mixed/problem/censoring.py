r"""What a fit does with values beyond a limit of quantification: M1 to M4.

With f the prediction, g the residual SD, L the limit and Φ the normal distribution function, −2 log likelihood of a
row is

* M1: censored rows are left out.
* M2: they are left out, and measured rows are conditioned on being inside the limits:
  :math:`-2\log[\varphi/(1-\Phi((L-f)/g))]`.
* M3: the probability of being beyond the limit: :math:`-2\log\Phi((L-f)/g)`; measured rows as they are.
* M4: as M3, and everything is conditioned on y > 0:
  :math:`-2\log[(\Phi((L-f)/g)-\Phi(-f/g))/(1-\Phi(-f/g))]` and :math:`-2\log[\varphi/(1-\Phi(-f/g))]`. Under a
  log-normal error this is M3.

Values above an upper limit go the same ways. A row in a window between two limits is such a row with both ends. The
expected curvature of FOCE with interaction does not exist for what is censored or conditioned; these rows go by their
exact second derivatives (the term of Laplace's method), all of them under M2 and M4.

References
----------
Beal SL. Ways to fit a PK model with some data below the quantification limit. J Pharmacokinet Pharmacodyn
2001;28:481-504. Ahn JE, Karlsson MO, Dunne A, Ludden TM. Likelihood based approaches to handling data below the
quantification limit using NONMEM VI. J Pharmacokinet Pharmacodyn 2008;35:401-421.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.decimals import product
from pkpd.errors import InputError, nearest, shown
from pkpd.observed import BELOW, INTERVAL, MEASURED, Observed
from pkpd.observed.rows import unit_ratio
from pkpd.population import ResidualError
from pkpd.study import Study

METHODS = {
    "M1": "values beyond a limit are left out",
    "M2": "values beyond a limit are left out, and the others are conditioned on being inside",
    "M3": "values beyond a limit count with their probability",
    "M4": "values beyond a limit count with their probability, given that everything is positive",
}
"""Name of the method → what it does, in words."""


@dataclass(frozen=True, eq=False)
class Censoring:
    """What was decided about values beyond a limit.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    dropped : int
        Rows that were left out.
    window : tuple of two arrays, shape (rows,) each, optional
        Limits in the output's unit that the density of every row is conditioned on; None where nothing is.
    """

    method: str = "M3"
    dropped: int = 0
    window: tuple[Array, Array] | None = None

    def of_rows(self, rows: Integers) -> Censoring:
        """Return the same for some of the rows, or for rows that are repeated."""
        if self.window is None:
            return self
        return replace(self, window=(self.window[0][rows], self.window[1][rows]))

    def __str__(self) -> str:
        """Say it in a sentence."""
        left_out = f" ({self.dropped} left out)" if self.method in ("M1", "M2") else ""
        return f"{self.method}: {METHODS[self.method]}{left_out}"


UNTOUCHED = Censoring()
"""Values beyond a limit count with their probability (M3)."""


def censored(
    data: Observed, study: Study, errors: tuple[ResidualError, ...], method: str = "M3"
) -> tuple[Observed, Censoring]:
    """Return the rows that a method counts, and what it conditions them on.

    Parameters
    ----------
    data : Observed
        Rows of the study, every limit known.
    study : Study
        Where the limits of measured rows stand.
    errors : tuple of ResidualError
        On which scale each output scatters.
    method : {"M3", "M1", "M2", "M4"}
        See `METHODS`.

    Raises
    ------
    InputError
        If the method is unknown, nothing is left, or the rows contradict it.
    """
    if method not in METHODS:
        raise InputError(f"unknown method {shown(method)} for values beyond a limit; {nearest(method, METHODS)}", "blq")
    if method == "M3":
        return data, UNTOUCHED
    if method == "M4":
        return _positive(data, errors)
    seen = data.kind == MEASURED
    limits = _limits(data, study) if method == "M2" else None
    dropped = int((~seen).sum())
    if dropped == seen.size:
        raise InputError(f"{method} leaves censored values out, and nothing else was observed; use M3", "blq")
    if not dropped:
        return data, Censoring(method, 0, limits)
    rest = data.keep(seen)
    rest = rest.part(np.unique(rest.subject).tolist())
    return rest, Censoring(method, dropped, limits and (limits[0][seen], limits[1][seen]))


def _positive(data: Observed, errors: tuple[ResidualError, ...]) -> tuple[Observed, Censoring]:
    """Condition what does not scatter on the log scale on being positive (M4)."""
    names = list(data.outputs)
    plain = np.isin(data.output, [names.index(e.output) for e in errors if e.scale != "log"])
    problems = []
    for k in np.unique(data.output[plain]):
        wrong = int(((data.output == k) & (data.kind == MEASURED) & (data.lower <= 0)).sum())
        if wrong:
            name = names[k]
            problems.append(f"M4 takes every {name} for positive, and {wrong} measured values are 0 or below; use M3")
    if problems:
        raise InputError(problems, "blq")
    if not plain.any():
        return data, Censoring("M4")
    below = plain & (data.kind == BELOW)
    within = plain & (data.kind == INTERVAL)
    lower = np.where(below, 0.0, np.where(within, np.maximum(data.lower, 0.0), data.lower))
    changed = replace(data, lower=lower, kind=np.where(below, INTERVAL, data.kind))
    nothing = np.full(data.kind.shape, np.inf)
    return changed, Censoring("M4", 0, (np.where(plain, 0.0, -np.inf), nothing))


def _limits(data: Observed, study: Study) -> tuple[Array, Array]:
    """Return LLOQ and ULOQ of every row in the output's unit; −∞ and ∞ where its output has none.

    A measured row that states no limit has the one of its output; if that has several, nobody can say which.
    """
    table = study._observations.iloc[data.position]
    found, problems = [], []
    for name, none in (("lloq", -np.inf), ("uloq", np.inf)):
        limit = np.full(data.kind.shape, np.nan)
        for k, output in enumerate(data.outputs):
            mine = data.output == k
            if not mine.any():
                continue
            ratio = unit_ratio(data.model, study, output, data.analytes[output])
            own = product(table[name].to_numpy(float)[mine], ratio)
            known = np.unique(own[np.isfinite(own)])
            open_ = int((~np.isfinite(own)).sum())
            if open_ and known.size > 1:
                some = ", ".join(f"{v:.4g}" for v in known[:4])
                problems.append(
                    f"{open_} values of {output} state no {name.upper()}, and the others have {known.size} different "
                    f"ones ({some}); M2 needs it of every value"
                )
            limit[mine] = np.where(np.isfinite(own), own, known[0] if known.size else none)
        found.append(limit)
    if problems:
        raise InputError(problems, "blq")
    return found[0], found[1]


__all__ = ["METHODS", "UNTOUCHED", "Censoring", "censored"]

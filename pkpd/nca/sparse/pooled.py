"""The sparse analysis of one group of samples on arrays (floor 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd.errors import InputError, warn
from pkpd.nca.sparse.analysis import analyse_pooled
from pkpd.nca.sparse.result import SparseResult
from pkpd.nca.sparse.rules import SparseRules
from pkpd.nca.sparse.samples import pool


def sparse(
    times: npt.ArrayLike,
    values: npt.ArrayLike,
    subjects: Sequence[Any] | npt.NDArray[Any] | None = None,
    *,
    dose: float = math.nan,
    duration: float = 0.0,
    blq: npt.ArrayLike | None = None,
    lloq: npt.ArrayLike = math.nan,
    batch: Sequence[Any] | npt.NDArray[Any] | None = None,
    rules: SparseRules | None = None,
) -> SparseResult:
    """Return the non-compartmental analysis of the mean curve of a group with few samples per subject.

    Areas are ``Σ w_j·ȳ_j`` with linear trapezoid weights; ``se² = Σ_jk w_j·w_k·n_jk·s_jk/(n_j·n_k)`` with the
    covariances s of subjects seen at both times (see `spread`), which is Bailer's variance in a serial design and
    SD²/n of the individual areas in a complete one. Parameters to infinity follow by the delta method from the joint
    covariance of means and means of logarithms. The order of the samples plays no part.

    Parameters
    ----------
    times, values : (samples,)
        Times after the dose and concentrations (or differences within subjects, which may be negative).
    subjects : (samples,), optional
        Who was sampled; from these the design is read. Without, every sample is a subject of its own (serial).
    dose : float
        Amount in the unit that makes dose/concentration a volume; NaN when unknown.
    duration : float
        Length of the infusion, 0 for other routes; half of it comes off the mean residence time.
    blq : (samples,) of bool, optional
        Which samples are BLQ; by default those below `lloq`.
    lloq : float or (samples,)
        Limit of quantification.
    batch : (samples,), optional
        Label of the batch, if the numbering of subjects begins again in each; not needed otherwise.
    rules : SparseRules, optional
        The choices; by default those of the preset ``"default"``.

    Returns
    -------
    SparseResult
        Mean curve, estimates with standard errors, degrees of freedom and intervals.

    Raises
    ------
    InputError
        If the arrays do not fit each other or a subject has two samples at one time.

    Warns
    -----
    DataWarning
        If samples were left out; the message counts them.

    References
    ----------
    Bailer, J Pharmacokinet Biopharm 16:303-309 (1988); Nedelman & Jia, J Biopharm Stat 8:317-328 (1998); Holder,
    J Biopharm Stat 11:75-79 (2001); Wolfsegger & Jaki, J Pharmacokinet Pharmacodyn 36:479-494 (2009); Jaki &
    Wolfsegger, Stat Med 31:1059-1073 (2012).
    """
    chosen = rules or SparseRules()
    amount, length = _dose(dose, duration)
    pooled = pool(times, values, subjects, batch, blq, lloq, chosen)
    lost = [note for note in pooled.notes if "left out" in note or "take no part" in note or "dropped" in note]
    if lost:
        warn("; ".join(lost))
    return analyse_pooled(pooled, chosen, amount, length)


def _dose(dose: Any, duration: Any) -> tuple[float, float]:
    problems = []
    if not isinstance(dose, int | float | np.number) or dose < 0 or math.isinf(dose):
        problems.append(f"dose is {dose!r}; expected one amount ≥ 0, or NaN when unknown")
    if not isinstance(duration, int | float | np.number) or not 0 <= duration < math.inf:
        problems.append(f"duration is {duration!r}; expected a length of time ≥ 0")
    if problems:
        raise InputError(problems, "sparse")
    return float(dose), float(duration)

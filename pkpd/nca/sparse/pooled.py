"""The sparse analysis of one group of samples on arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd.arguments import checked
from pkpd.dosing import Dose
from pkpd.errors import InputError, shown, warn
from pkpd.nca.keywords import warn_older
from pkpd.nca.sparse.analysis import analyse_pooled
from pkpd.nca.sparse.result import SparseResult
from pkpd.nca.sparse.rules import SparseRules
from pkpd.nca.sparse.samples import Pooled, pool

_NOW = {"duration": "dose=Dose(0, amount, 'infusion', duration)", "batch": "two columns of subjects, batch and subject"}


@checked
def sparse(
    times: npt.ArrayLike,
    values: npt.ArrayLike,
    subjects: Sequence[Any] | npt.NDArray[Any] | None = None,
    *,
    dose: float | Dose = math.nan,
    blq: npt.ArrayLike | None = None,
    lloq: npt.ArrayLike = math.nan,
    rules: SparseRules | None = None,
    **older: Any,
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
    subjects : (samples,) or (samples, 2), optional
        Who was sampled; from these the design is read. Two columns are batch and subject, if the numbering of subjects
        begins again in each batch. Without, every sample is a subject of its own (serial).
    dose : float or Dose
        Amount in the unit that makes dose/concentration a volume, NaN when unknown; or the dose itself: half the length
        of an infusion comes off the mean residence time.
    blq : (samples,) of bool, optional
        Which samples are BLQ; by default those below `lloq`.
    lloq : float or (samples,)
        Limit of quantification.
    rules : SparseRules, optional
        The choices; by default those of the preset ``"default"``.
    **older
        `duration` of an infusion outside a `Dose`, and `batch` outside `subjects`; they warn.

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
    warn_older(older, _NOW, "sparse")
    chosen = rules or SparseRules()
    amount, length = _amount_and_length(dose, older.get("duration", 0.0))
    batch, people = older.get("batch"), subjects
    if batch is None and _columns(subjects) == 2:
        batch, people = np.asarray(subjects).T
    meant = chosen.for_route(dose.route if isinstance(dose, Dose) else "")
    pooled = pool(times, values, people, batch, blq, lloq, meant)
    if lost := left_out(pooled):
        warn(lost)
    return replace(analyse_pooled(pooled, meant, amount, length), rules=chosen)


def _columns(subjects: Any) -> int:
    """How many columns name the subjects."""
    try:
        shape: tuple[int, ...] = (0,) if subjects is None else np.shape(subjects)
    except ValueError:  # rows of different lengths
        shape = ()
    if len(shape) == 1:
        return 1
    if len(shape) == 2 and shape[1] == 2:
        return 2
    raise InputError(f"subjects is {shown(subjects)}; expected a name per sample, or two (batch, subject)", "sparse")


def left_out(pooled: Pooled) -> str:
    """Return what was left out of the samples, with counts; "" if nothing was."""
    return "; ".join(note for note in pooled.notes if "left out" in note or "take no part" in note or "dropped" in note)


def _amount_and_length(dose: Any, duration: Any) -> tuple[float, float]:
    """Amount of a dose and length of its infusion."""
    if isinstance(dose, Dose):
        return dose.amount, dose.amount / dose.rate if dose.rate else dose.duration
    problems = []
    if not isinstance(dose, int | float | np.number) or dose < 0 or math.isinf(dose):
        problems.append(f"dose is {dose!r}; expected one amount ≥ 0, or NaN when unknown")
    if not isinstance(duration, int | float | np.number) or not 0 <= duration < math.inf:
        problems.append(f"duration is {duration!r}; expected a length of time ≥ 0")
    if problems:
        raise InputError(problems, "sparse")
    return float(dose), float(duration)

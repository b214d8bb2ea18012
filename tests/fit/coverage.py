"""How often 90 % intervals hold the truth, and how far estimates are off on average: pooled fits of drawn studies.

The seed was chosen before anything was run (the year of the paper) and is not to be changed until a test passes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import stdtrit

from pkpd import il21
from pkpd.fit import residual_error
from pkpd.population import Population
from tests.fit.fit_cases import PD_ERRORS, Recovery, pd_design, pd_truth, pk_design, pk_model, pk_truth, recover

SEED = 2014


@cache
def pharmacokinetics(replicates: int) -> Recovery:
    """Pooled PK: 36 subjects × 8 samples, proportional error of 15 %, samples below 0.3 ng/mL by M3.

    n = 288 keeps the bias of a maximum-likelihood SD, about −p/(2n) = −0.9 %, below 2 %; 36 clusters are enough for
    the sandwich with Student's t on 35 degrees of freedom.
    """
    people = Population(pk_model(), pk_truth(prop_C=0.15), None, (residual_error("C", "proportional"),))
    return recover(people, pk_design(36, [5 / 60, 0.5, 1, 2, 4, 6, 8, 10]), replicates, SEED)


@cache
def pharmacodynamics(replicates: int) -> Recovery:
    """Pooled PD with the PK given per subject: 30 subjects, 2 doses, 8 samples each of sCD25 and ALC over 60 h."""
    study, given = pd_design(30, [1, 2], [0, 4, 8, 16, 24, 32, 48, 60])
    return recover(Population(il21.model(), pd_truth(), None, PD_ERRORS, given), study, replicates, SEED, given)


CASES: dict[str, Callable[[int], Recovery]] = {"PK": pharmacokinetics, "PD": pharmacodynamics}
NAMES = [
    *(("PK", n) for n in ("CL", "V1", "Q", "V2", "prop_C")),
    *(("PD", n) for n in ("kR", "R0", "SR", "kout", "L0", "SL", "sd_sCD25", "sd_ALC")),
]


def check_convergence(case: str, replicates: int) -> None:
    """Every fit converges."""
    recovery = CASES[case](replicates)
    assert recovery.names == tuple(n for c, n in NAMES if c == case)
    assert set(recovery.statuses) == {"converged"}
    assert len(recovery.statuses) == replicates


def reach(replicates: int) -> float:
    """What the share of intervals that hold may be off 90 %: 8/3 binomial standard errors, 4 % at 400 replicates."""
    return 4.0 * float(np.sqrt(400 / replicates))


def check_coverage(case: str, name: str, replicates: int) -> None:
    """Within 90 % ± 8/3 binomial standard errors."""
    share = CASES[case](replicates).coverage()[name]
    assert 90 - reach(replicates) <= share <= 90 + reach(replicates)


def check_bias(case: str, name: str, replicates: int) -> None:
    """Below three Monte-Carlo standard errors or below 2 %."""
    bias, error = CASES[case](replicates).bias()[name]
    assert abs(bias) < 3 * error or abs(bias) < 2.0


def check_width(replicates: int) -> None:
    """The standard error that a fit reports is, on average, the spread of the estimates.

    A spread from n estimates has a relative error of 1/√(2n), 3.5 % at 400; a sandwich of 36 clusters is a few per cent
    too small (MacKinnon & White 1985). Three errors and 4.4 %, at 400 15 %, are what a wrong formula would exceed.
    """
    recovery = pharmacokinetics(replicates)
    logs = np.log(recovery.estimates)
    width = np.diff(np.log(recovery.intervals), axis=2)[..., 0] / (2 * stdtrit(35, 0.95))
    ratio = np.sqrt((width**2).mean(axis=0)) / logs.std(axis=0, ddof=1)
    limit = 0.15 + 3 * (1 / np.sqrt(2 * replicates) - 1 / np.sqrt(800))
    assert (np.abs(ratio - 1) < limit).all(), dict(zip(recovery.names, ratio, strict=True))

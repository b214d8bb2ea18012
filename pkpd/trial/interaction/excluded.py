"""What ratio of exposures n patients show, and which they could have excluded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from pkpd.arguments import checked
from pkpd.errors import InputError, nearest, shown

if TYPE_CHECKING:
    import pandas

_LARGEST = 1e150  # whose square is still a number
MEANS = ("arithmetic", "geometric", "both")


@checked
def ratio_by_patients(
    test: float,
    reference: float,
    *,
    cv_test: float,
    cv_reference: float,
    patients: Sequence[int],
    means: str = "arithmetic",
    correlation: float | None = None,
    level: float = 0.9,
    power: float = 0.8,
) -> pandas.DataFrame:
    r"""Return the interval of a ratio of geometric means from published means and CVs, for several numbers of patients.

    .. math:: \ln\frac{GM_T}{GM_R} \pm t \sqrt{\frac{\sigma_T^2 + \sigma_R^2 - 2\rho\sigma_T\sigma_R}{n}}, \qquad
       \sigma^2 = \ln(1 + CV^2), \quad GM = \bar x / \sqrt{1 + CV^2}

    Papers often do not say which mean they print. Of log-normal values the CV (SD by mean) and the geometric CV are one
    number, so that only the mean has two readings.

    Parameters
    ----------
    test, reference : float
        Means.
    cv_test, cv_reference : float
        Coefficients of variation, %.
    patients : sequence of int
        In each group (unpaired), or pairs.
    means : {"arithmetic", "geometric", "both"}
        Which means are given; both: a row for either reading.
    correlation : float, optional
        Of the logarithms within patients; without it the groups are unpaired (2n − 2 degrees of freedom, else n − 1).
    level : float
        Of the interval.
    power : float
        With which a true ratio is found.

    Returns
    -------
    DataFrame
        A row per number: ``patients, design, ratio, low, high, excludes_1, excluded`` (with an observed ratio of 1,
        true ratios above it, and below its reciprocal, are excluded), ``detectable`` (true ratio that is told from 1
        with the power, approximately), ``means`` (how the means were read).

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    import pandas

    numbers = {"test": test, "reference": reference, "cv_test": cv_test, "cv_reference": cv_reference}
    problems = [f"{name} is {shown(value)}; expected a number > 0 and ≤ {_LARGEST:g}" for name, value in numbers.items()
                if not 0 < value <= _LARGEST]  # fmt: skip
    problems += [f"{name} is {shown(value)}; expected a number between 0 and 1"
                 for name, value in (("level", level), ("power", power)) if not 0 < value < 1]  # fmt: skip
    if means not in MEANS:
        problems.append(f"unknown means {shown(means)}; {nearest(means, MEANS)}")
    if correlation is not None and not -1 < correlation < 1:
        problems.append(f"correlation is {shown(correlation)}; expected a number between −1 and 1")
    if not patients or min(patients, default=2) < 2:
        problems.append(f"patients are {shown(list(patients))}; expected numbers ≥ 2")
    if problems:
        raise InputError(problems, "ratio_by_patients")
    variances = [float(np.log1p((cv / 100.0) ** 2)) for cv in (cv_test, cv_reference)]
    plain = float(np.log(test / reference))
    effects = {"arithmetic": plain - (variances[0] - variances[1]) / 2.0, "geometric": plain}
    rho = 0.0 if correlation is None else correlation
    spread = variances[0] + variances[1] - 2.0 * rho * float(np.sqrt(variances[0] * variances[1]))
    rows = []
    for reading, n in [(one, n) for one in effects if means in (one, "both") for n in patients]:
        effect = effects[reading]
        se, freedom = float(np.sqrt(spread / n)), 2 * n - 2 if correlation is None else n - 1
        t = float(stdtrit(freedom, 0.5 + level / 2))
        low, high = effect - t * se, effect + t * se
        rows.append((
            n, "unpaired" if correlation is None else "paired", np.exp(effect), np.exp(low), np.exp(high),
            bool(low > 0 or high < 0), np.exp(t * se), np.exp((t + float(stdtrit(freedom, power))) * se), reading,
        ))  # fmt: skip
    return pandas.DataFrame(rows, columns=[
        "patients", "design", "ratio", "low", "high", "excludes_1", "excluded", "detectable", "means",
    ])  # fmt: skip

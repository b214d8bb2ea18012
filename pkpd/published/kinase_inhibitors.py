"""Sorafenib by mouth: its published population (Jain 2011), around the model of the library."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pkpd import library
from pkpd.arguments import checked, one_of
from pkpd.arrays import Array
from pkpd.errors import InputError, shown
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population, block, residual_error

READINGS = ("cv", "lognormal")
_CV = {"CL": 0.180, "V": 0.687, "MTT": 0.619}
_CORRELATION = 0.778  # of the random effects of CL and V
_REFERENCE_KG = 80.0
_NOISE = (Parameter("prop_C", 0.514), Parameter("add_C", 0.001, "mg/L"))


@checked(reading=one_of(READINGS))
def sorafenib(
    recirculation: str = "returned",
    *,
    reading: str = "cv",
    weights: Sequence[float] | Array | None = None,
    emptying: str = "smooth",
    bile_into: str = "transit4",
) -> Population:
    r"""Return the published population of sorafenib by mouth: 111 patients, 200 or 400 mg twice daily.

    .. math:: P_i = P\,e^{\eta_P},\; P \in \{CL, V, MTT\}, \qquad y = C\,(1 + 0.514\,\varepsilon) + 0.001\,\varepsilon'

    Variability is printed as CV: CL 18.0 %, V 68.7 %, MTT 61.9 %; the correlation of CL and V is 0.778. What the CV is
    of, the paper does not say:

    * ``"cv"``: the standard deviation of η is the CV (0.180, 0.687, 0.619), so :math:`\omega^2 = CV^2`.
    * ``"lognormal"``: it is the CV of the parameter itself, :math:`\omega^2 = \ln(1 + CV^2)` (0.179, 0.622, 0.570).

    Parameters
    ----------
    recirculation, emptying, bile_into
        What the paper leaves open of the model: see `pkpd.library.sorafenib`.
    reading : {"cv", "lognormal"}
        What the published CVs are.
    weights : sequence of float, optional
        Body weights in kg from which virtual patients take theirs, with replacement: V is in proportion to them, 213 L
        at 80 kg. Without them everybody weighs 80 kg.

    Returns
    -------
    Population
        With the residual error of ``C`` (mg/L): 51.4 % proportional, 0.001 mg/L additive.

    Raises
    ------
    InputError
        If a choice does not exist or a weight is not a number > 0.

    Notes
    -----
    Of the area under the curve at steady state only clearance decides, so its CV is that of clearance, 18 %. Observed
    areas of 83 other patients spread over a factor of 17 (11.8–199.6 mg·h/L, median 52.8; Oncologist 2012;17:1204-1212,
    not all at one dose and day): far more than this population has in either reading. It has no variability between
    occasions, and no decline of clearance over the months.

    References
    ----------
    Jain L, Woo S, Gardner ER, et al. Br J Clin Pharmacol 2011;72:294-305, Table 3.
    """
    import pandas

    model = library.sorafenib(recirculation, emptying=emptying, bile_into=bile_into)
    omega = {name: cv if reading == "cv" else math.sqrt(math.log1p(cv**2)) for name, cv in _CV.items()}
    both = np.array([omega["CL"], omega["V"]])
    together = np.outer(both, both) * [[1.0, _CORRELATION], [_CORRELATION, 1.0]]
    effects = block("CL", "V", omega=together) + Omega.independent(MTT=omega["MTT"])
    values = model.parameters + Parameters(_NOISE)
    errors = (residual_error("C", "combined"),)
    if weights is None:
        return Population(model, values, effects, errors)
    kilograms = np.asarray(weights, dtype=float)
    odd = kilograms[~((kilograms > 0) & np.isfinite(kilograms))]
    if odd.size or not kilograms.size:
        what = f"weights have {odd.size} that cannot be ({shown(odd[0])})" if odd.size else "there are no weights"
        raise InputError(f"{what}; expected numbers of kg > 0", "sorafenib")
    table = pandas.DataFrame({"weight": kilograms})
    table.attrs["units"] = {"weight": "kg"}
    relation = {"V": f"V*(weight/{_REFERENCE_KG:g})"}
    return Population(model, values, effects, errors, covariates=table, relations=relation)

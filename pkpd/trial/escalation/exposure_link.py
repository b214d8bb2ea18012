"""An assumed link from exposure to a dose-limiting toxicity, and the probabilities per dose that follow from it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas

from pkpd import units
from pkpd.arguments import checked, checked_fields
from pkpd.arrays import Array
from pkpd.errors import InputError, shown, warn
from pkpd.trial.escalation.states import share_problems
from pkpd.trial.sources import is_dataset
from pkpd.trial.tables import Column, read_table

_EXEMPT = re.compile(r"lymph|\bALC\b|leukop|leukocyt", re.IGNORECASE)


@dataclass(frozen=True)
class ExposureToxicity:
    r"""A logistic link, which somebody assumes, from an exposure to the probability of a toxicity.

    .. math:: \mathrm{logit}\, P = \mathrm{logit}\, P_0 + s\,\ln(E/E_0)

    Attributes
    ----------
    event : str
        The toxicity, such as ``"grade 3 rash"``. Lymphopenia and leukopenia are refused: they are exempt from
        dose-limiting toxicity, so a lymphocyte count must not decide on doses.
    exposure : str
        What E is: a column of the table, or a parameter of the NCA, such as ``"auc_inf_obs"``.
    reference : float
        E₀.
    probability : float
        P₀, the probability at E₀.
    slope : float
        s ≥ 0; 0: exposure does not matter.
    unit : str
        Unit of E₀; "" is that of the exposures.
    source : str
        Where the numbers come from. By default they are assumptions, and every table says so.

    Raises
    ------
    InputError
        If a number cannot be used, or the event is exempt.
    """

    event: str
    exposure: str
    reference: float
    probability: float
    slope: float
    unit: str = ""
    source: str = "assumed"

    def __post_init__(self) -> None:
        checked_fields(self, "ExposureToxicity")
        problems = share_problems(probability=self.probability)
        for name in ("event", "exposure", "source"):
            if not getattr(self, name).strip():
                problems.append(f"{name} is empty; expected words")
        for name in ("event", "exposure"):
            if _EXEMPT.search(getattr(self, name)):
                problems.append(
                    f"{name} is {shown(getattr(self, name))}; expected a toxicity that limits the dose: lymphopenia "
                    "and leukopenia are exempt"
                )
        if not 0 < self.reference < math.inf:
            problems.append(f"reference is {shown(self.reference)}; expected a number > 0")
        if not 0 <= self.slope < math.inf:
            problems.append(f"slope is {shown(self.slope)}; expected a number ≥ 0")
        if problems:
            raise InputError(problems, "ExposureToxicity")

    @property
    def label(self) -> str:
        """The link in words, for tables and captions."""
        unit = f" {units.show(self.unit)}" if self.unit else ""
        return (
            f"{self.source}: logit P({self.event}) = logit({self.probability:g}) + {self.slope:g}·ln({self.exposure}/"
            f"{self.reference:g}{unit})"
        )

    def at(self, exposure: Array) -> Array:
        """Return P at exposures ≥ 0 in the unit of the reference.

        Parameters
        ----------
        exposure : array
            Any shape.
        """
        from scipy.special import expit

        start = math.log(self.probability / (1 - self.probability))
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = self.slope * np.log(exposure / self.reference) if self.slope else np.zeros(np.shape(exposure))
        found: Array = expit(start + moved)
        return found


@checked
def toxicity_from_exposure(link: ExposureToxicity, exposures: Any, *, scale: float = 1.0) -> pandas.DataFrame:
    """Return the probability of toxicity at each dose: the mean of the link over the subjects who had the dose.

    Parameters
    ----------
    link : ExposureToxicity
        What is assumed.
    exposures : xarray.Dataset, DataFrame, path, or mapping of column to values
        What `pkpd.nca` returned (one row a profile, converted to the unit of the link), or a table with a row a
        subject: ``dose``, and the exposure in a column of its name.
    scale : float
        By what the doses are multiplied, where the trial counts them in another unit (µg/kg of ng/kg: 0.001).

    Returns
    -------
    pandas.DataFrame
        One row a dose: ``dose``, ``subjects``, ``exposure`` (median), ``toxicity``, ``se`` (of the mean over subjects),
        ``kind`` (the label of the link).

    Raises
    ------
    InputError
        Listing every problem of the table or link.

    Warns
    -----
    DataWarning
        If subjects have no exposure; they are left out.
    """
    if not 0 < scale < math.inf:
        raise InputError(f"scale is {shown(scale)}; expected a number > 0", "toxicity_from_exposure")
    dose, exposure = _columns(link, exposures)
    known = np.isfinite(exposure) & np.isfinite(dose)
    if not known.any():
        raise InputError(f"no row has a dose and {link.exposure}; expected at least one", "toxicity_from_exposure")
    if not known.all():
        warn(f"{int((~known).sum())} of {len(known)} rows have no dose or no {link.exposure}; they are left out")
    table = pandas.DataFrame({"dose": dose[known], "exposure": exposure[known], "toxicity": link.at(exposure[known])})
    found = table.groupby("dose").agg(
        subjects=("toxicity", "size"), exposure=("exposure", "median"),
        mean=("toxicity", "mean"), sd=("toxicity", "std"),
    )  # fmt: skip
    return pandas.DataFrame({
        "dose": found.index.to_numpy() * scale,
        "subjects": found["subjects"].to_numpy(),
        "exposure": found["exposure"].to_numpy(),
        "toxicity": found["mean"].to_numpy(),
        "se": (found["sd"] / np.sqrt(found["subjects"])).to_numpy(),
        "kind": link.label,
    })  # fmt: skip


def _columns(link: ExposureToxicity, exposures: Any) -> tuple[Array, Array]:
    """Doses and exposures, the latter in the unit of the link."""
    table = read_table(
        exposures,
        (
            Column("dose", "number", "dose of the subject", filled=False, positive=True),
            Column(link.exposure, "number", f"{link.exposure} of the subject", filled=False, low=0.0),
        ),
        "exposures",
    )
    # Of a result of NCA the unit is known; a table is taken to be in that of the link.
    there = str(exposures[link.exposure].attrs.get("units", "")) if is_dataset(exposures) else ""
    factor = units.factor(there, link.unit) if link.unit and there else 1.0
    return table["dose"].to_numpy(dtype=float), table[link.exposure].to_numpy(dtype=float) * factor


__all__ = ["ExposureToxicity", "toxicity_from_exposure"]

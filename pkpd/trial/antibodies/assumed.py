"""How often, when and how strongly simulated patients have antibodies against the drug: all of it assumed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arguments import checked, checked_fields
from pkpd.arrays import Array
from pkpd.errors import InputError, UnitError, few, nearest, shown
from pkpd.population import Population
from pkpd.trial.antibodies.changed import END, NEVER, ONSET, RATIO, with_antibodies

if TYPE_CHECKING:
    import pandas

SHAPES = ("uniform", "log-normal")
ADA, ADA_ONSET, ADA_END = "ADA", "ADA_onset", "ADA_end"
_Z95 = 1.959963984540054  # standard normal quantile of 0.975


@dataclass(frozen=True)
class Immunogenicity:
    """What is assumed of antibodies against the drug in a simulated trial.

    Attributes
    ----------
    incidence : float
        Share of patients who ever develop antibodies if they are followed for ever. The default is 3 of 52, which is
        what a trial *detected* until its patients left it: the share that ever develops them may be higher.
    onset_from, onset_to : float
        Days after the first dose between which they appear (uniform), or between which 95 % do (log-normal).
    shape : {"uniform", "log-normal"}
        Of the onset.
    ratio : float
        Clearance with antibodies over clearance without.
    preexisting : float
        Share of patients who have antibodies before the first dose.
    transient : float
        Share of those who develop them in whom they go away again.
    lasting_from, lasting_to : float
        Days for which transient antibodies last (uniform).
    on : str
        The parameter that changes.
    """

    incidence: float = 3 / 52
    onset_from: float = 14.0
    onset_to: float = 98.0
    shape: str = "uniform"
    ratio: float = 2.0
    preexisting: float = 0.0
    transient: float = 0.0
    lasting_from: float = 28.0
    lasting_to: float = 84.0
    on: str = "CL"

    def __post_init__(self) -> None:
        checked_fields(self, "immunogenicity")
        problems = [
            f"{name} is {shown(getattr(self, name))}; expected a share from 0 to 1"
            for name in ("incidence", "preexisting", "transient")
            if not 0 <= getattr(self, name) <= 1
        ]
        if not problems and self.incidence + self.preexisting > 1:
            problems.append(f"incidence and preexisting add up to {self.incidence + self.preexisting:g}; expected ≤ 1")
        for first, last in (("onset_from", "onset_to"), ("lasting_from", "lasting_to")):
            low, high = getattr(self, first), getattr(self, last)
            if not 0 < low < high < math.inf:
                problems.append(f"{first} and {last} are {shown(low)} and {shown(high)}; expected 0 < {first} < {last}")
        if self.shape not in SHAPES:
            problems.append(f"unknown shape {shown(self.shape)}; {nearest(self.shape, SHAPES)}")
        if not 0 < self.ratio < math.inf:
            problems.append(f"ratio is {shown(self.ratio)}; expected a number > 0")
        if problems:
            raise InputError(problems, "immunogenicity")

    def table(self) -> pandas.DataFrame:
        """Return a row per assumption: ``what, value, unit, kind, why``."""
        import pandas

        detected = "as detected in the trial (3 of 52); " if math.isclose(self.incidence, 3 / 52) else ""
        window = f"{self.onset_from:g} to {self.onset_to:g}"
        lasts = f"{self.lasting_from:g} to {self.lasting_to:g}"
        part = "all of it" if self.shape == "uniform" else "95 % of it"
        rows = [
            ("share who develop antibodies", f"{self.incidence:.4g}", "", f"{detected}who left early was not seen"),
            ("share who have them before", f"{self.preexisting:.4g}", "", "not published"),
            (f"onset, {self.shape}", window, "days after the first dose", f"{part} in this window; not published"),
            (f"{self.on} with antibodies over without", f"{self.ratio:g}", "", "for IL-21 nobody has analysed it"),
            ("share in whom they go away", f"{self.transient:.4g}", "", "not published"),
            ("transient ones last", lasts, "days", "not published"),
        ]
        table = pandas.DataFrame(rows, columns=["what", "value", "unit", "why"])
        table.insert(3, "kind", "assumed")
        return table

    def summary(self) -> str:
        """Return the assumptions in words."""
        return "\n".join(
            " ".join(f"{row.what}: {row.value} {row.unit}".split()) + f" (assumed; {row.why})"
            for row in self.table().itertuples(index=False)
        )


@checked
def immunogenic_population(population: Population, assumed: Immunogenicity | None = None) -> Population:
    r"""Return a population some of whom develop antibodies, at a time of their own, that change a parameter.

    .. math:: P(\text{ever}) = \text{incidence}, \quad T_{on} \sim U(a, b) \text{ or } \ln T_{on} \sim N(\mu, \sigma^2),
       \quad CL(t) = r\,CL,\; t \ge T_{on}

    Parameters
    ----------
    population : Population
        Of patients without antibodies, with a model in units.
    assumed : Immunogenicity, optional
        What is assumed; by default its defaults.

    Returns
    -------
    Population
        To be simulated. Each patient has the covariates ``ADA`` (whether they ever come), ``ADA_onset`` and
        ``ADA_end`` (on the model's clock; 1e9 is never), and the parameter ``onset_ADA``. Where the population has no
        covariates, the same seed draws the same patients as without antibodies.

    Raises
    ------
    InputError
        If the parameter cannot change (`with_antibodies`), the model has no unit of time, the population takes rows of
        individual values from a table, or has names of its own that would be used twice.
    """
    assumed = assumed or Immunogenicity()
    problems = []
    try:
        day = units.factor("day", str(population.model.base.get("time", "")))
    except UnitError:
        day = math.nan
        problems.append("the model has no unit of time yet; give it one: in_units(time='h', amount='mg', volume='L')")
    if population.table is not None:
        problems.append("the population takes rows from a table of individual values; put onset_ADA into that table "
                        "and use with_antibodies")  # fmt: skip
    names = {*population.model.parameters.names, *population.parameters.names, *population.covariate_names}
    if twice := [name for name in (ADA, ADA_ONSET, ADA_END) if name in names]:
        problems.append(f"the population has {few(twice)} already")
    if problems:
        raise InputError(problems, "immunogenic_population")
    changed = with_antibodies(population, assumed.on, transient=assumed.transient > 0)
    relations = {**changed.relations, ONSET: f"{ONSET} if {ADA} == 0 else {ADA_ONSET}"}
    if assumed.transient > 0:
        relations[END] = f"{END} if {ADA} == 0 else {ADA_END}"
    return replace(
        changed,
        parameters=changed.parameters.with_values({RATIO: assumed.ratio}),
        covariates=partial(_people, population.covariates, assumed, day),
        relations=relations,
    )


def _people(inner: Any, assumed: Immunogenicity, day: float, rng: np.random.Generator, subjects: int) -> Any:
    """Draw covariates: the population's own, then who has antibodies and when, from a stream of their own."""
    import pandas

    table = _own(inner, rng, subjects)
    attrs = dict(table.attrs)
    (stream,) = rng.spawn(1)  # does not move the population's own stream
    onset, end = drawn_onsets(assumed, stream, subjects)
    clocks = [np.where(np.isfinite(when), when * day, NEVER) for when in (onset, end)]
    added = pandas.DataFrame({ADA: np.isfinite(onset).astype(float), ADA_ONSET: clocks[0], ADA_END: clocks[1]})
    table = pandas.concat([table.reset_index(drop=True), added], axis=1)
    table.attrs = attrs
    return table


def _own(inner: pandas.DataFrame | Callable[..., Any] | None, rng: np.random.Generator, subjects: int) -> Any:
    """The population's own covariates of as many subjects."""
    import pandas

    if inner is None:
        return pandas.DataFrame(index=range(subjects))
    if callable(inner):
        return inner(rng, subjects)
    return inner.iloc[rng.integers(len(inner), size=subjects)]


def drawn_onsets(assumed: Immunogenicity, rng: np.random.Generator, subjects: int) -> tuple[Array, Array]:
    """Return when antibodies appear and go away, in days after the first dose; infinite for never, 0 for before.

    Parameters
    ----------
    assumed : Immunogenicity
        What is assumed.
    rng : numpy.random.Generator
        Source of randomness.
    subjects : int
        How many.
    """
    u, when, goes, lasts = rng.random((4, subjects))
    before = u < assumed.preexisting
    induced = ~before & (u < assumed.preexisting + assumed.incidence)
    if assumed.shape == "uniform":
        onset = assumed.onset_from + when * (assumed.onset_to - assumed.onset_from)
    else:
        from scipy.special import ndtri

        low, high = math.log(assumed.onset_from), math.log(assumed.onset_to)
        onset = np.exp((low + high) / 2 + (high - low) / (2 * _Z95) * ndtri(when))
    onset = np.where(induced, onset, np.where(before, 0.0, np.inf))
    length = assumed.lasting_from + lasts * (assumed.lasting_to - assumed.lasting_from)
    return onset, np.where(induced & (goes < assumed.transient), onset + length, np.inf)

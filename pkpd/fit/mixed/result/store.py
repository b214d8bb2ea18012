"""A population fit from a file: what was reported, and with its study the problem, too."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pkpd.arguments import checked
from pkpd.engine import Settings
from pkpd.files.loaded import load_value
from pkpd.fit.mixed.result.convergence import Convergence
from pkpd.fit.mixed.result.estimate import Exact, Tried
from pkpd.fit.mixed.result.fit_parts import Counts, Kept
from pkpd.fit.mixed.result.origin import Origin
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.fit.mixed.result.resume import with_data
from pkpd.fit.mixed.result.uncertainty import Uncertainty
from pkpd.fit.mixed.search.objective import Step
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters
from pkpd.population import InverseWishart, NormalPrior, Omega, Population, ResidualError
from pkpd.population.blocks import OmegaBlock
from pkpd.population.correlation import ErrorCorrelation
from pkpd.population.residual import error_of
from pkpd.study import Study

__all__ = ["load"]

CLASSES: dict[str, type] = {
    one.__name__: one
    for one in (
        Convergence, Counts, ErrorCorrelation, Exact, InverseWishart, Kept, Model, NormalPrior, Omega, OmegaBlock,
        Origin, Parameter, Parameters, Population, PopulationFit, Settings, Step, Tried, Uncertainty,
    )
}  # fmt: skip
"""What a file of a population fit may hold."""


@checked
def load(path: str | Path, study: Study | None = None, kinds: Iterable[type[ResidualError]] = ()) -> PopulationFit:
    """Read a population fit that `PopulationFit.save` or `pkpd.saving.save` wrote.

    Parameters
    ----------
    path : path
        The file.
    study : Study, optional
        The data of the fit: the fit is then as it was, with its problem, and its objective is computed again and
        compared. Without it everything that was reported is there, but nothing new can be computed from the data.
    kinds : iterable of class, optional
        Residual errors of the user's own.

    Raises
    ------
    InputError
        If the file is damaged, was altered, was written by a newer version of the package or holds no population fit,
        or the study is another one.

    Warns
    -----
    DataWarning
        If an older version of the package wrote it.
    """
    hashed = None if study is None else study.data_hash
    fit: PopulationFit = load_value(path, CLASSES.__getitem__, error_of(kinds), hashed, PopulationFit)
    return fit if study is None else with_data(fit, study)

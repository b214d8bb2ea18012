"""Measurements: residual errors drawn around exact values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine import sd_of
from pkpd.parameters import Parameters
from pkpd.population import Population, ResidualError


@dataclass(frozen=True, eq=False)
class Scatter:
    """How measurements scatter beyond what all subjects share.

    Attributes
    ----------
    factors : mapping
        Output → what its SD is multiplied with, broadcast against the exact values; 1 where an output is missing.
    twins : mapping
        (output, output) of correlated errors → for each value of the second, the place of the first's value of the same
        sample among its own, -1 where there is none; None where the values of both stand side by side.
    """

    factors: Mapping[str, Array] = field(default_factory=dict)
    twins: Mapping[tuple[str, str], Integers | None] = field(default_factory=dict)


def draw_noise(
    people: Population, exact: Mapping[str, Array], scatter: Scatter, rng: np.random.Generator
) -> dict[str, Array]:
    r"""Return standard normal numbers for the values of every output that has an error, correlated where errors are.

    The second of two correlated outputs has :math:`\rho z_1 + \sqrt{1 - \rho^2}\,z_2`.
    """
    noise = {error.output: rng.standard_normal(exact[error.output].shape) for error in people.errors}
    for each in people.correlations:
        first, second = each.outputs
        rho, places = people.parameters[each.name], scatter.twins[first, second]
        if places is None:
            noise[second] = rho * noise[first] + np.sqrt(1 - rho**2) * noise[second]
        else:
            mine = places >= 0
            own = noise[second][..., mine]
            noise[second][..., mine] = rho * noise[first][..., places[mine]] + np.sqrt(1 - rho**2) * own
    return noise


def draw_measured(error: ResidualError, f: Array, parameters: Parameters, rng: np.random.Generator) -> Array:
    """Return simulated measurements of one output; one standard normal number is drawn for each value."""
    return measured_values(error, f, parameters, rng.standard_normal(f.shape))


def measured_values(
    error: ResidualError, f: Array, parameters: Parameters, noise: Array, factor: Array | None = None
) -> Array:
    """Return simulated measurements.

    Parameters
    ----------
    error : ResidualError
        How measurements scatter; a weighted one takes its weights from the predictions, because there is no
        measurement yet.
    f : array, any shape
        Exact values.
    parameters : Parameters
        They hold those of the error.
    noise : array
        A standard normal number for each value.
    factor : array, optional
        What the SD is multiplied with.
    """
    sd = sd_of(error, f, np.array([parameters[name] for name in error.names]))
    return error.measured(f, sd if factor is None else sd * factor, noise)

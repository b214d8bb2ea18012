"""Measurements: residual errors drawn around exact values."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array
from pkpd.engine import sd_of
from pkpd.parameters import Parameters
from pkpd.population import ResidualError


def draw_measured(error: ResidualError, f: Array, parameters: Parameters, rng: np.random.Generator) -> Array:
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
    rng : numpy.random.Generator
        One standard normal number is drawn for each value.
    """
    noise = rng.standard_normal(f.shape)
    return error.measured(f, sd_of(error, f, np.array([parameters[name] for name in error.names])), noise)

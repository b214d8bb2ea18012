"""The standard deviation of a residual error, as code: made of the text that its kind states."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array
from pkpd.engine.machine.text_function import TextFunction, text_function
from pkpd.population.residual import MEASUREMENT, PREDICTION, ResidualError


def sd_function(error: ResidualError | type[ResidualError], order: int = 0) -> TextFunction:
    """Return the SD with its derivatives by the prediction and then by the error's own parameters.

    Parameters
    ----------
    error : ResidualError
        One, or its kind.
    order : {0, 1, 2}
        Highest derivative.
    """
    own = tuple(p.name for p in error.parameters)
    return text_function(error.sd, (PREDICTION, MEASUREMENT), own, (PREDICTION, *own), order)


def sd_of(error: ResidualError, f: Array, parameters: Array) -> Array:
    """Return the SD of predictions that nobody has measured yet, in their shape.

    Parameters
    ----------
    error : ResidualError
        Which error.
    f : array, any shape
        Predictions; they stand for the measurements where the SD depends on these.
    parameters : array, shape (own parameters,)
        Values of the error's parameters.
    """
    function = sd_function(error)
    if not function.varies:
        return np.full(f.shape, function(np.zeros((1, 2)), parameters)[0, 0])
    reading = np.empty((f.size, 2))
    reading[:] = f.reshape(-1, 1)
    return function(reading, parameters)[:, 0].reshape(f.shape)

"""Simulation: a population of virtual subjects under a regimen, or under the design of an observed study."""

from pkpd.simulate.adaptive import Situation, simulate_adaptive
from pkpd.simulate.locate import locate
from pkpd.simulate.predict import predict
from pkpd.simulate.simulation import simulate, simulated_study
from pkpd.simulate.store import open_simulation

__all__ = [
    "Situation",
    "locate",
    "open_simulation",
    "predict",
    "simulate",
    "simulate_adaptive",
    "simulated_study",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]

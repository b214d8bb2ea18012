"""Simulation: a population of virtual subjects under a regimen, or under the design of an observed study (floor 5)."""

from pkpd.population import Population
from pkpd.simulate.adaptive import simulate_adaptive
from pkpd.simulate.deciding import Situation
from pkpd.simulate.locate import locate
from pkpd.simulate.predict import predict
from pkpd.simulate.simulation import simulate, simulated_study
from pkpd.simulate.store import open_simulation

__all__ = [
    "Population",
    "Situation",
    "locate",
    "open_simulation",
    "predict",
    "simulate",
    "simulate_adaptive",
    "simulated_study",
]

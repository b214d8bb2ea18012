"""Parameter values with units, bounds and what is fixed; and how they vary between subjects (floor 1)."""

from pkpd.parameters.scale import Scale
from pkpd.parameters.values import Parameter, Parameters
from pkpd.parameters.variability import Variability, block

__all__ = ["Parameter", "Parameters", "Scale", "Variability", "block"]

"""Models that state only their mathematics; compose them with ``+`` (floor 3)."""

from pkpd.library.cells import precursor_turnover, redistribution, trafficking
from pkpd.library.compartments import one_compartment, two_compartment
from pkpd.library.responses import direct_effect, indirect_response, stimulated_loss, turnover
from pkpd.library.signals import activation, transit_delay

__all__ = [
    "activation",
    "direct_effect",
    "indirect_response",
    "one_compartment",
    "precursor_turnover",
    "redistribution",
    "stimulated_loss",
    "trafficking",
    "transit_delay",
    "turnover",
    "two_compartment",
]

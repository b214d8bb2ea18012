"""Models that state only their mathematics; compose them with ``+``, find them with ``list("words")``."""

from collections.abc import Sequence

from pkpd.library.absorption import (
    mixed_absorption,
    sequential_absorption,
    transit_absorption,
    weibull_absorption,
    zero_order_absorption,
)
from pkpd.library.catalogue import search as list
from pkpd.library.cell_trafficking import redistribution, trafficking
from pkpd.library.circadian import circadian_baseline, circadian_turnover
from pkpd.library.compartments import one_compartment, three_compartment, two_compartment
from pkpd.library.direct_effects import (
    direct_effect,
    emax_effect,
    imax_effect,
    linear_effect,
    log_linear_effect,
    sigmoid_emax_effect,
)
from pkpd.library.elimination import enterohepatic, metabolite, michaelis_menten
from pkpd.library.haematotoxicity import myelosuppression
from pkpd.library.indirect_responses import indirect_response, precursor_response
from pkpd.library.kinase_inhibitors import sorafenib
from pkpd.library.receptors import receptor_occupancy, receptor_shedding
from pkpd.library.signal_transduction import activation, effect_compartment, transit_delay
from pkpd.library.target_mediated import tmdd, tmdd_michaelis_menten, tmdd_quasi_steady_state
from pkpd.library.tolerance import antagonist_tolerance, feedback
from pkpd.library.tumour import claret, simeoni
from pkpd.library.turnover import irreversible_effect, precursor_turnover, stimulated_loss, turnover
from pkpd.library.typical_values import typical

__all__ = [
    "activation",
    "antagonist_tolerance",
    "circadian_baseline",
    "circadian_turnover",
    "claret",
    "direct_effect",
    "effect_compartment",
    "emax_effect",
    "enterohepatic",
    "feedback",
    "imax_effect",
    "indirect_response",
    "irreversible_effect",
    "linear_effect",
    "list",
    "log_linear_effect",
    "metabolite",
    "michaelis_menten",
    "mixed_absorption",
    "myelosuppression",
    "one_compartment",
    "precursor_response",
    "precursor_turnover",
    "receptor_occupancy",
    "receptor_shedding",
    "redistribution",
    "sequential_absorption",
    "sigmoid_emax_effect",
    "simeoni",
    "sorafenib",
    "stimulated_loss",
    "three_compartment",
    "tmdd",
    "tmdd_michaelis_menten",
    "tmdd_quasi_steady_state",
    "trafficking",
    "transit_absorption",
    "transit_delay",
    "turnover",
    "two_compartment",
    "typical",
    "weibull_absorption",
    "zero_order_absorption",
]


def __dir__() -> Sequence[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]

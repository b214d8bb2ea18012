"""Non-compartmental analysis of responses: baseline, peak and nadir, areas and times above and below, recovery."""

from pkpd.nca.response.parameters import LIMIT_PARAMETERS, RESPONSE_PARAMETERS
from pkpd.nca.response.result import nca_response
from pkpd.nca.response.rules import RESPONSE_PRESETS, ResponseRules

__all__ = ["LIMIT_PARAMETERS", "RESPONSE_PARAMETERS", "RESPONSE_PRESETS", "ResponseRules", "nca_response"]

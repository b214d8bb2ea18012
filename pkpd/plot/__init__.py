"""Pictures of data and results: every function takes and returns an Axes and changes nothing else."""

from __future__ import annotations

from pkpd.plot.bands import BandStyle, bands
from pkpd.plot.bands_page import bands_page
from pkpd.plot.boxes import parameter_boxes
from pkpd.plot.convergence import convergence, convergence_page
from pkpd.plot.course import fitted_course
from pkpd.plot.effects import random_effects, random_effects_page
from pkpd.plot.escalation import dose_escalation
from pkpd.plot.exposure_response import exposure_response
from pkpd.plot.facets import profiles_page
from pkpd.plot.fitted import observed_fitted, residuals
from pkpd.plot.goodness import goodness_of_fit, observed_predicted, weighted_residuals
from pkpd.plot.kaplan_meier import kaplan_meier
from pkpd.plot.means import MeanRule, mean_profiles
from pkpd.plot.overlay import overlay
from pkpd.plot.page import page
from pkpd.plot.power import proportionality
from pkpd.plot.profiles import profiles
from pkpd.plot.spider import spider
from pkpd.plot.style import letters as panel_letters
from pkpd.plot.subjects import individual_course, individual_courses
from pkpd.plot.swimmer import swimmer
from pkpd.plot.terminal import lambda_z, lambda_z_page
from pkpd.plot.timeline import timeline
from pkpd.plot.waterfall import waterfall

__all__ = [
    "BandStyle",
    "MeanRule",
    "bands",
    "bands_page",
    "convergence",
    "convergence_page",
    "dose_escalation",
    "exposure_response",
    "fitted_course",
    "goodness_of_fit",
    "individual_course",
    "individual_courses",
    "kaplan_meier",
    "lambda_z",
    "lambda_z_page",
    "mean_profiles",
    "observed_fitted",
    "observed_predicted",
    "overlay",
    "page",
    "panel_letters",
    "parameter_boxes",
    "profiles",
    "profiles_page",
    "proportionality",
    "random_effects",
    "random_effects_page",
    "residuals",
    "spider",
    "swimmer",
    "timeline",
    "waterfall",
    "weighted_residuals",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]

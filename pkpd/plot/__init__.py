"""Pictures of data and results: every function takes and returns an Axes and changes nothing else (floor 7)."""

from __future__ import annotations

from pkpd.plot.bands import bands, overlay
from pkpd.plot.course import fitted_course
from pkpd.plot.fitted import observed_fitted, residuals
from pkpd.plot.page import page
from pkpd.plot.profiles import profiles
from pkpd.plot.terminal import lambda_z, lambda_z_page
from pkpd.plot.timeline import timeline

__all__ = [
    "bands",
    "fitted_course",
    "lambda_z",
    "lambda_z_page",
    "observed_fitted",
    "overlay",
    "page",
    "profiles",
    "residuals",
    "timeline",
]

"""What `python -m pkpd` prints and draws: comparisons with published and reference numbers."""

from pkpd.report.case import exposure, inputs, predicted_toxicity, recomputed, recovered, toxicity
from pkpd.report.figures import draw_figures
from pkpd.report.layout import paragraph, table_text
from pkpd.report.paper import paper_text, write_paper
from pkpd.report.real import indomethacin_report, theophylline_report
from pkpd.report.responses import responses

__all__ = [
    "draw_figures",
    "exposure",
    "indomethacin_report",
    "inputs",
    "paper_text",
    "paragraph",
    "predicted_toxicity",
    "recomputed",
    "recovered",
    "responses",
    "table_text",
    "theophylline_report",
    "toxicity",
    "write_paper",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]

"""The figures of the job, written as PNG, PDF and SVG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.fit import Fit, Fits
from pkpd.study import Study

if TYPE_CHECKING:
    import xarray

GRADE_LINES = {"LLN": 1.0, "grade 2": 0.8, "grade 3": 0.5, "grade 4": 0.2}
"""Where CTCAE v3.0 grades of lymphopenia begin, 10^9/L; LLN is the laboratory's own (assumed)."""


def draw_figures(
    folder: Path, study: Study, exposure: xarray.Dataset, pk: Fits, effect: Fit, course: xarray.Dataset
) -> list[Path]:
    """Draw the pictures of the IL-21 case and return where they are.

    Parameters
    ----------
    folder : Path
        Where the files go; it exists.
    study : Study
        The synthetic study.
    exposure : xarray.Dataset
        Its NCA.
    pk, effect : Fits and Fit
        Individual PK fits and the pooled PD fit.
    course : xarray.Dataset
        The simulated course (`pkpd.simulate`).
    """
    from pkpd import plot
    from pkpd.plot.files import write_figure

    written: list[Path] = []

    def save(figure: Any, axes: Any, name: str) -> None:
        plot.panel_letters(axes)
        written.extend(write_figure(figure, folder / name))

    figure, axes = plot.page(2, 3, (14, 9))
    levels, whole = axes[:, :2], axes[0, 2].get_gridspec()[:, 2]
    plot.profiles_page(study, levels, "IL21", log=True, by="dose_level", origin="last dose")
    for ax in axes[:, 2]:
        ax.remove()
    last = figure.add_subplot(whole)
    first = study.subjects.query("phase == 'phase 1'")["subject"].tolist()
    plot.timeline(study.select(subjects=first), ax=last, time_unit="study day")
    last.set_title(f"phase 1: {len(first)} of {len(study.subject_ids)} patients", loc="left", fontsize=10)
    save(figure, [*levels.flat, last], "1-data")

    figure, axes = plot.page(2, 3, (14, 8))
    plot.lambda_z_page(exposure, axes.ravel(), _spread_out(exposure, 6))
    save(figure, axes, "2-terminal-slopes")

    figure, axes = plot.page(2, 2, (12, 9.5))
    plot.observed_fitted(pk, study=study, ax=axes[0, 0])
    subject = next(s for s in pk.usable() if str(s).startswith("2"))
    plot.fitted_course(pk, study, subject, ax=axes[0, 1], log=True).set(xlim=(-0.5, 24), ylim=(0.03, 5000))
    plot.observed_fitted(effect, "sCD25", study=study, ax=axes[1, 0])
    plot.observed_fitted(effect, "ALC", study=study, ax=axes[1, 1])
    save(figure, axes, "3-fits")

    figure, axes = plot.page(2, 2, (14, 9.5))
    for row, (name, lines) in enumerate((("ALC", GRADE_LINES), ("sCD25", None))):
        # A pooled fit has the differences between patients in its residual error: measured bands hold them.
        for column, log in enumerate((False, True)):
            plot.bands(
                course, f"{name}_measured", ax=axes[row, column], log=log, reference=lines, time_unit="study day",
                look=plot.BandStyle(smooth=8),
            )  # fmt: skip
    save(figure, axes, "4-course")
    return written


def _spread_out(exposure: xarray.Dataset, count: int) -> list[int]:
    """Profiles with a terminal slope, evenly spread over all of them."""
    good = np.flatnonzero(np.isfinite(exposure["lambda_z"].values))
    return [int(k) for k in good[np.linspace(0, good.size - 1, count).astype(int)]]

"""Small studies with known numbers, and what tests read back from a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from pkpd import library
from pkpd.model import Model
from pkpd.records import DOSE_COLUMNS
from pkpd.study import OBSERVATION_COLUMNS, Study

LLOQ = 0.5
TIMES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 24.0)
CL, V = (1.0, 1.3, 0.8, 1.1), (5.0, 6.0, 4.0, 5.5)


def one_compartment_pk() -> Model:
    """The model that made the study."""
    pk = library.one_compartment().in_units(time="h", amount="mg", volume="L")
    return pk.with_values(CL=1.0, V=5.0)


def bolus_study(subjects: int = 4, **attrs: Any) -> Study:
    """Mono-exponential bolus profiles with a fixed wobble; the sample before the dose and late ones are BLQ."""
    rows, doses, people = [], [], []
    for k in range(subjects):
        amount = 100.0 if k % 2 == 0 else 50.0
        cl, v = CL[k % 4], V[k % 4]
        for j, t in enumerate(TIMES):
            exact = 0.0 if t == 0 else amount / v * np.exp(-cl / v * t) * (1 + 0.05 * (-1) ** (j + k))
            blq = exact < LLOQ
            rows.append(
                {"subject": k + 1, "time": t, "nominal_time": t, "value": np.nan if blq else exact, "blq": blq}
            )  # fmt: skip
        doses.append((k + 1, 0.0, amount, "bolus", 0.0, None))
        people.append((k + 1, amount, "f" if k < 2 else "m"))
    same = {"analyte": "drug", "lloq": LLOQ, "alq": False, "mark": "", "excluded": False, "reason": ""}
    table = pandas.DataFrame([{**same, **r, "row": i + 1} for i, r in enumerate(rows)])
    table = table.reindex(columns=list(OBSERVATION_COLUMNS)).assign(occasion=None)
    table = table.astype({"uloq": float, "until": float, "volume": float})
    aside = (table["subject"] == 1) & (table["time"] == 2.0)
    table.loc[aside, "excluded"], table.loc[aside, "reason"] = True, "haemolysed"
    given = pandas.DataFrame([(*d, i + 1) for i, d in enumerate(doses)], columns=list(DOSE_COLUMNS))
    covariates = pandas.DataFrame(people, columns=["subject", "level", "sex"])
    units = {"time": "h", "drug": "mg/L", "dose": "mg", "level": "mg"}
    return Study(table, given, covariates, units, attrs={"synthetic": True, **attrs})


def line(ax: Axes, label: str) -> Line2D:
    """The only line whose label begins with this."""
    found = [one for one in ax.lines if str(one.get_label()).startswith(label)]
    assert len(found) == 1, [str(one.get_label()) for one in ax.lines]
    return found[0]


def title(ax: Axes) -> str:
    """Everything that stands above the axes."""
    return ax.get_title(loc="left") + ax.get_title(loc="right")


def shown(ax: Axes) -> list[Text]:
    """Texts that are drawn; an axis keeps labels of ticks beyond its limits, which are not."""
    beyond = set()
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        reach = 1e-9 * (high - low)
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        beyond |= {
            label for t in ticks if not low - reach <= t.get_loc() <= high + reach for label in (t.label1, t.label2)
        }
    texts = [text for text in ax.findobj(Text) if isinstance(text, Text)]
    return [t for t in texts if t.get_visible() and t.get_text().strip() and t not in beyond]


def lay_out(ax: Axes) -> None:
    """Put everything where it will be drawn, once: rendering, the dearer half of drawing, moves nothing."""
    if ax.figure.stale:
        ax.figure.draw_without_rendering()


def overlaps(ax: Axes, drawn: bool = False) -> list[tuple[str, str]]:
    """Pairs of visible texts whose boxes overlap once the figure is laid out."""
    if not drawn:
        lay_out(ax)
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown(ax)]
    found = []
    for k, (a, box) in enumerate(boxes):
        for b, other in boxes[k + 1 :]:
            shared = Bbox.intersection(box, other)
            # A pixel of touching is what rounding does; the empty line below a raised caption is no text.
            if shared is not None and shared.width > 1 and shared.height > 1.5:
                found.append((a, b))
    return found


def covered(ax: Axes, drawn: bool = False) -> int:
    """How many drawn points lie under the legend."""
    if not drawn:
        lay_out(ax)
    legend = ax.get_legend()
    if legend is None:
        return 0
    box = legend.get_window_extent()
    count = 0
    for one in ax.lines:
        points = one.get_transform().transform(np.column_stack([one.get_xdata(), one.get_ydata()]).astype(float))
        if not len(points):
            continue
        if np.ptp(points[:, 0]) < ax.get_window_extent().width or len(points) > 2:  # not a line across the axes
            count += sum(box.contains(x, y) for x, y in points[np.isfinite(points).all(axis=1)])
    return count


def outside(ax: Axes, drawn: bool = False) -> list[str]:
    """Visible texts that do not lie wholly inside the figure."""
    if not drawn:
        lay_out(ax)
    whole = ax.figure.bbox
    found = []
    for text in shown(ax):
        box = text.get_window_extent()
        if box.x0 < whole.x0 - 1 or box.x1 > whole.x1 + 1 or box.y0 < whole.y0 - 1 or box.y1 > whole.y1 + 1:
            found.append(text.get_text())
    return found

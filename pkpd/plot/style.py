"""What all pictures share: colours, axes, units in labels, ticks, captions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import Formatter, Locator, MaxNLocator, NullLocator

from pkpd import units
from pkpd.arrays import Array
from pkpd.decimals import product
from pkpd.errors import InputError, few, nearest, warn

# Okabe & Ito (2008), Color Universal Design; without the yellow, which vanishes on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MODEL, DATA, DOSE, QUIET = COLORS[1], COLORS[0], COLORS[6], "#666666"
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":")
STUDY_DAY = "study day"
MOST_GROUPS = 21
MOST_PANELS = 12
"""Most subjects that a page shows that nobody gave axes for."""
_LETTER, EDGE_NAME = "panel letter", "name beside the edge"
SMALL = 8.0
"""Points of the smallest letters: smaller ones cannot be read in print."""
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_HOURS = (1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 96, 120, 168, 336, 672, 1344, 2688)
_DAYS = (1, 2, 3, 7, 14, 28, 56, 84, 112, 168, 364)


def axes_of(ax: Axes | None, size: tuple[float, float] = (6.4, 4.2)) -> Axes:
    """Return the given axes, or those of a new figure that makes room for labels outside the axes."""
    if ax is None:
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    assert ax is not None
    return ax


def fill(axes: Any, items: Sequence[Any], draw: Callable[[Any, Axes], object]) -> np.ndarray[Any, Any]:
    """Draw one item into each of some axes, hide what is left over, and return the axes as an array.

    Without axes (None) a new figure has as many as are needed. Panels have letters; the names of horizontal lines stand
    only beside the last panel of each row.

    Raises
    ------
    InputError
        If there are more items than axes.
    """
    if axes is None:
        across = 1 if len(items) < 2 else 2 if len(items) < 5 else 3 if len(items) < 10 else 4
        down = max(-(-len(items) // across), 1)
        axes = plt.subplots(down, across, figsize=(4.2 * across, 3.2 * down), layout="constrained", squeeze=False)[1]
    panels = np.atleast_1d(np.asarray(axes, dtype=object))
    if len(items) > panels.size:
        raise InputError(f"{len(items)} pictures ({few(items)}) for {panels.size} axes; give at least as many axes")
    for ax, item in zip(panels.flat, items, strict=False):
        draw(item, ax)
    for ax in panels.flat[len(items) :]:
        ax.set_visible(False)
    letters(panels)
    for ax, after in pairwise(list(panels.flat[: len(items)])):
        names, others = ([t for t in each.texts if t.get_gid() == EDGE_NAME] for each in (ax, after))
        same = [t.get_text() for t in names] == [t.get_text() for t in others]
        if same and after.get_position().y0 == ax.get_position().y0:
            for text in names:
                text.remove()
    return panels


def same_limits(drawn: Iterable[Axes]) -> None:
    """Give all panels the widest limits of any."""
    drawn = list(drawn)
    for get, put in (("get_xlim", "set_xlim"), ("get_ylim", "set_ylim")):
        views = [getattr(ax, get)() for ax in drawn]
        for ax in drawn:
            getattr(ax, put)(min(v[0] for v in views), max(v[1] for v in views))


def crowd(points: int) -> dict[str, Any]:
    """Return size and transparency of so many points: thousands of them must not become one blot."""
    if points <= 500:
        return {"ms": 4.0, "alpha": 0.6}
    return {"ms": 3.0, "alpha": 0.35} if points <= 3000 else {"ms": 2.0, "alpha": 0.2}


def require_name(name: Any, known: Iterable[Any], what: str) -> None:
    """Raise a sentence with the nearest name if `name` is not known.

    Raises
    ------
    InputError
        If the name is not known.
    """
    names = list(known)
    if name not in names:
        raise InputError(f"unknown {what} {name!r}; {nearest(str(name), map(str, names))}")


def labelled(what: str, unit: str) -> str:
    """Return the label of an axis, ``"ALC (10⁹/L)"``; no brackets for a plain number."""
    shown = unit_text(unit)
    return what if shown in ("", "1", "dimensionless") else f"{what} ({shown})"


def unit_text(unit: str) -> str:
    """Return a unit as it is printed: ``ug/kg`` → ``µg/kg``, ``10^9/L`` → ``10⁹/L``."""
    raised = re.sub(r"(?:\^|\*\*)(-?\d+)", lambda m: m[1].translate(_SUPERSCRIPT), unit)
    return re.sub(r"(?<![A-Za-zµ])u(?=(?:g|l|L|m|M|mol|s|IU|U|Ci|Eq|kat)(?![A-Za-z]))", "µ", raised)


def power(value: float) -> str:
    """Return a number as ``3·10⁶``."""
    if value == 0:
        return "0"
    digits, exponent = f"{value:.5e}".split("e")
    head, tail = f"{float(digits):g}", f"10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return tail if head == "1" else f"−{tail}" if head == "-1" else f"{head.replace('-', '−')}·{tail}"


class NumberLabels(Formatter):
    """Labels of one axis in one way: all as plain numbers, or all as powers of ten where one would be long."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self.format_ticks([x])[0]

    def format_ticks(self, values: Any) -> list[str]:
        """Return the labels of some ticks."""
        numbers = np.asarray(values, dtype=float)
        size = np.abs(numbers[np.isfinite(numbers) & (numbers != 0)])
        if size.size and (size.max() >= 1e6 or size.max() < 1e-3 or size.min() < 1e-5):
            return [power(v) for v in numbers]
        return [f"{v:.10g}".replace("-", "−") if "e" not in f"{v:.10g}" else f"{v:.10f}".rstrip("0") for v in numbers]


def letters(axes: Any) -> None:
    """Write A, B, C … above the upper left corners of the visible ones of several axes.

    A panel that has a letter gets the new one; a single panel gets none.

    Parameters
    ----------
    axes : array of Axes, or sequence
        In reading order.
    """
    panels = [ax for ax in np.ravel(np.asarray(axes, dtype=object)) if ax.get_visible()]
    for k, ax in enumerate(panels):
        for old in [text for text in ax.texts if text.get_gid() == _LETTER]:
            old.remove()
        if len(panels) > 1:
            name = (chr(65 + k // 26 - 1) if k >= 26 else "") + chr(65 + k % 26)
            ax.annotate(name, (0, 1), xycoords="axes fraction", xytext=(-8, 6), textcoords="offset points", ha="right",
                        va="bottom", fontsize=11, fontweight="bold", gid=_LETTER, annotation_clip=False)  # fmt: skip


def palette(groups: Sequence[Any]) -> dict[Any, Any]:
    """Return group → colour: colours that everybody can tell apart, or one scale where there are more than those."""
    if len(groups) <= len(COLORS):
        return dict(zip(groups, COLORS, strict=False))
    return dict(zip(groups, plt.get_cmap("viridis")(np.linspace(0.0, 0.85, len(groups))), strict=True))


def former_keywords(function: str, given: Mapping[str, Any], now: Mapping[str, str]) -> None:
    """Accept keywords of earlier versions with a warning, and refuse any other.

    Parameters
    ----------
    function : str
        Who was called.
    given : mapping
        Keywords that the function does not have.
    now : mapping
        Keyword of before → how the same is said now.

    Raises
    ------
    TypeError
        If a keyword never existed.
    """
    if unknown := [name for name in given if name not in now]:
        raise TypeError(f"{function}() got an unexpected keyword argument {unknown[0]!r}")
    for name in given:
        warn(f"{function}({name}=…) is now {now[name]}", DeprecationWarning)


def clock(times: Any, given: str, wanted: str | None) -> Array:
    """Return times in the unit of the axis; a study day is 1 at time 0.

    Raises
    ------
    UnitError
        If `wanted` is not a unit of time.
    """
    values = np.asarray(times, dtype=float)
    if wanted is None:
        return values
    if wanted == STUDY_DAY:
        return np.asarray(values * units.factor(given, "day") + 1.0)
    units.require(wanted, "time", what="the time axis")
    return product(values, units.factor(given, wanted))


def time_axis(ax: Axes, what: str, given: str, wanted: str | None) -> None:
    """Label the time axis and put its ticks where the field expects them."""
    unit = wanted or given
    ax.set_xlabel(STUDY_DAY if unit == STUDY_DAY else labelled(what, unit))
    if unit == STUDY_DAY:
        ax.xaxis.set_major_locator(TimeTicks(_DAYS, 1.0))
    elif units.factor(unit, "h") == 1.0:
        ax.xaxis.set_major_locator(TimeTicks(_HOURS))
    elif units.factor(unit, "h") == 24.0:
        ax.xaxis.set_major_locator(TimeTicks(_DAYS))


def _room(locator: Locator, most: int) -> int:
    """How many tick labels fit along the axis."""
    space = locator.axis.get_tick_space() if locator.axis is not None else most
    return int(np.clip(space, 3, most))


class TimeTicks(Locator):
    """Ticks at whole days and weeks: the smallest of the given steps that makes at most nine, or as many as fit.

    Parameters
    ----------
    steps : sequence of float
        Steps to choose from; shorter axes get ordinary ticks.
    origin : float
        A tick falls here.
    """

    def __init__(self, steps: Sequence[float], origin: float = 0.0) -> None:
        self.steps, self.origin = tuple(steps), origin

    def __call__(self) -> Any:
        low, high = self.axis.get_view_interval()  # type: ignore[union-attr]
        return self.tick_values(float(low), float(high))

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the ticks between two limits."""
        span, most = abs(vmax - vmin), _room(self, 9)
        step = next((s for s in self.steps if span / s <= most), self.steps[-1])
        if span / step < 2 or span / step > 12:
            return MaxNLocator(min(most, 8), steps=[1, 2, 2.5, 5, 10]).tick_values(vmin, vmax)
        first = np.ceil((min(vmin, vmax) - self.origin) / step - 1e-9)
        return self.origin + step * np.arange(first, (max(vmin, vmax) - self.origin) / step + 1e-9)


class LogTicks(Locator):
    """Ticks of a log axis with plain numbers: at least three, whether it spans ten decades or half of one."""

    def __call__(self) -> Any:
        low, high = self.axis.get_view_interval()  # type: ignore[union-attr]
        return self.tick_values(float(low), float(high))

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the ticks between two limits."""
        low, high = sorted((vmin, vmax))
        if not 0 < low < high:
            return np.array([])
        decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        every = int(np.ceil(decades.size / _room(self, 12)))
        for parts in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)):
            ticks = np.outer(10.0 ** decades[::every], parts).ravel()
            ticks = ticks[(ticks >= low * (1 - 1e-9)) & (ticks <= high * (1 + 1e-9))]
            if ticks.size >= 3:
                return ticks
        return MaxNLocator(5).tick_values(low, high)


def log_scale(ax: Axes, which: str = "y") -> None:
    """Make an axis logarithmic, with plain numbers as labels."""
    ax.set_yscale("log") if which == "y" else ax.set_xscale("log")
    axis = ax.yaxis if which == "y" else ax.xaxis
    axis.set_major_locator(LogTicks())
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(NumberLabels())


def is_synthetic(attrs: Mapping[str, Any]) -> bool:
    """Say whether provenance marks the data as synthetic, as a truth value or as a text that survived a file."""
    mark = attrs.get("synthetic", False)
    return mark.strip().casefold() not in ("", "0", "no", "false") if isinstance(mark, str) else bool(mark)


def caption(ax: Axes, attrs: Mapping[str, Any], notes: Iterable[str] = ()) -> None:
    """Write above the right corner that data are synthetic and what is not shown, in as many lines as it needs."""
    parts = [*(["synthetic data"] if is_synthetic(attrs) else []), *notes]
    if not parts:
        return
    left = ax.set_title(ax.get_title(loc="left"), loc="left", fontsize=10)
    right = ax.set_title(parts[0], loc="right", fontsize=SMALL, style="italic", color=QUIET)
    # Among other panels an axes may become narrower when the figure is laid out.
    room = ax.get_window_extent().width * (0.98 if len(ax.get_figure().axes) == 1 else 0.85)  # type: ignore[union-attr]
    taken = left.get_window_extent().width if left.get_text() else 0.0

    def fits(text: str) -> bool:
        right.set_text(text)
        return bool(right.get_window_extent().width <= room)

    lines = [""]
    for part in parts:
        together = f"{lines[-1]} · {part}" if lines[-1] else part
        if fits(together):
            lines[-1] = together
            continue
        lines += [""] if lines[-1] else []
        for word in part.split(" "):
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and not fits(longer):
                lines.append(word)
            else:
                lines[-1] = longer
    right.set_text("\n".join(lines))
    if taken and right.get_window_extent().width + taken > 0.97 * room:
        # The last line stands level with the title: leave it empty.
        right.set(text="\n".join([*lines, " "]), linespacing=1.6)

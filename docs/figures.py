"""Draw the contact sheet of `docs/figures.md`: every picture with 1, 12 and 500 subjects, 1 and 8 doses, both scales.

    python docs/figures.py docs/figures            # all, some minutes
    python docs/figures.py /tmp/sheet profiles     # one of them
    python docs/figures.py docs/figures contact    # contact.png: all sheets of the folder in one small picture

The patients are made up: one compartment, absorbed, 30 % between subjects, dosed daily on days 1 to 5 and 15 to 19.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image, ImageDraw

import pkpd
from pkpd import plot, trial
from pkpd.fit import PopulationOptions

CASES = ((1, 1), (12, 1), (12, 8), (500, 1), (500, 8))
LEVELS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
SAMPLED = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 24.0)
LLOQ = 0.05
UNITS = {"time": "h", "dose": "ug", "drug": "ug/L"}


def model() -> pkpd.Model:
    """One compartment with absorption, in the units of the study."""
    found = pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="ug", volume="L")
    return found.with_values(ka=1.2, CL=1.0, V=8.0)


@cache
def study(subjects: int, groups: int) -> pkpd.Study:
    """Two full profiles, on days 1 and 15; the first sample is BLQ, and the late ones of low doses."""
    draw = np.random.default_rng(subjects + groups)
    days = np.array([*range(5), *range(14, 19)]) * 24.0
    samples, doses, people = [], [], []
    for k in range(subjects):
        dose = LEVELS[k % groups] if groups > 1 else 100.0
        ka, cl, v = np.array([1.2, 1.0, 8.0]) * np.exp(0.3 * draw.standard_normal(3))
        ke, name = cl / v, f"S{k + 1:03d}"
        for t in np.concatenate([np.array(SAMPLED), 336.0 + np.array(SAMPLED)]):
            after = t - days[days < t]
            exact = float((dose * ka / v / (ka - ke) * (np.exp(-ke * after) - np.exp(-ka * after))).sum())
            value = exact * np.exp(0.1 * draw.standard_normal())
            shown: Any = value if value >= LLOQ else f"<{LLOQ}"
            samples.append((name, t + 0.05 * (k % 3) * (t % 24 > 0), t, shown))
        doses += [(name, t, dose, "oral") for t in days]
        people.append((name, "placebo" if k % 5 == 4 else "active"))
    table = pandas.DataFrame(samples, columns=["subject", "time", "nominal_time", "drug"])
    given = pandas.DataFrame(doses, columns=["subject", "time", "amount", "route"])
    covariates = pandas.DataFrame(people, columns=["subject", "arm"])
    found = pkpd.read_study(table, given, covariates, units=UNITS)
    return found


@cache
def exposure(subjects: int, groups: int) -> Any:
    return pkpd.nca(study(subjects, groups), "drug")


@cache
def fits(subjects: int, groups: int) -> pkpd.Fits:
    return pkpd.fit_individuals(
        model(), study(subjects, groups), model().parameters, error={"C": "proportional"}, progress=False
    )


@cache
def population(subjects: int, groups: int) -> Any:
    options = PopulationOptions(starts=1, check=False)
    return pkpd.fit_population(
        model(), study(subjects, groups), {"ka": 1.2, "CL": 1.0, "V": 8.0}, error={"C": "proportional"}, options=options
    )


@cache
def forecast(subjects: int, groups: int) -> Any:
    found = population(max(subjects, 12), groups)
    plan = pkpd.oral("100 ug", days=[*range(1, 6), *range(15, 20)])
    return pkpd.simulate(found, plan, subjects=subjects, replicates=1, times=np.linspace(0.0, 504.0, 253), seed=3)


@cache
def checked(subjects: int, groups: int) -> Any:
    return pkpd.simulate(population(max(subjects, 12), groups), study(max(subjects, 12), groups), replicates=20, seed=3)


@cache
def tumours(subjects: int, groups: int) -> tuple[pandas.DataFrame, pandas.DataFrame, pandas.DataFrame]:
    """Assessments every seven weeks, best responses and follow-up of made-up patients in one or two arms."""
    draw = np.random.default_rng(subjects + groups)
    scans, people = [], []
    for k in range(subjects):
        arm = "B" if groups > 1 and k % 2 else "A"
        rate, size = draw.normal(-0.08 if arm == "B" else 0.0, 0.25), draw.uniform(30.0, 150.0)
        visits, start = int(draw.integers(2, 9)), size
        for visit in range(visits):
            if size > 2.0 * start:
                break  # long after progression nobody scans
            scans.append((k + 1, 1 + 49 * visit, round(size, 1), visit > 0 and draw.random() < 0.05))
            size *= np.exp(rate + draw.normal(0.0, 0.08))
        people.append((k + 1, arm, 60.0 + 49 * visits if k % 3 == 0 else np.nan))
    table = pandas.DataFrame(scans, columns=["subject", "day", "sum", "new"])
    table.attrs["synthetic"] = True
    assessed = trial.assess_response(table)
    return assessed, trial.best_response(assessed), pandas.DataFrame(people, columns=["subject", "arm", "death"])


def survival(subjects: int, groups: int, interval: str) -> trial.KaplanMeier:
    assessed, _, people = tumours(subjects, groups)
    times = trial.progression_free_survival(assessed, patients=people)
    return trial.kaplan_meier(times, by="arm" if groups > 1 and subjects > 1 else None, interval=interval)


def by(groups: int) -> str | None:
    return "dose" if groups > 1 else None


Draw = Callable[[int, int, bool], Any]
PICTURES: dict[str, Draw] = {
    "profiles": lambda n, g, log: plot.profiles(study(n, g), "drug", by=by(g), log=log),
    "profiles_last_dose": lambda n, g, log: plot.profiles(study(n, g), "drug", by=by(g), log=log, origin="last dose"),
    "profiles_page": lambda n, g, log: plot.profiles_page(
        study(n, g), pages(2, 4), "drug", by=by(g) or "arm", log=log, origin="last dose"
    ),
    "mean_profiles": lambda n, g, log: plot.mean_profiles(
        study(n, g), "drug", by=by(g), log=log, statistic="geometric mean" if log else "mean", time_unit="day"
    ),
    "timeline": lambda n, g, log: plot.timeline(study(n, g), time_unit="study day"),
    "parameter_boxes": lambda n, g, log: plot.parameter_boxes(exposure(n, g), "auc_tau", by=by(g), log=log),
    "proportionality": lambda n, g, log: plot.proportionality(exposure(n, g).isel(profile=slice(0, None, 10)), "cmax"),
    "lambda_z": lambda n, g, log: plot.lambda_z(exposure(n, g), 0, log=log),
    "lambda_z_page": lambda n, g, log: plot.lambda_z_page(exposure(n, g), pages(2, 3), log=log),
    "observed_fitted": lambda n, g, log: plot.observed_fitted(fits(n, g), study=study(n, g), log=log),
    "residuals": lambda n, g, log: plot.residuals(fits(n, g), against="fitted" if log else "time"),
    "fitted_course": lambda n, g, log: plot.fitted_course(fits(n, g), study(n, g), "S001", log=log, time_unit="day"),
    "bands": lambda n, g, log: plot.bands(forecast(n, g), "C_measured", log=log, time_unit="study day"),
    "bands_of_a_study": lambda n, g, log: plot.bands(checked(n, g), "C", log=log, time_unit="study day"),
    "bands_page": lambda n, g, log: plot.bands_page(checked(n, g), pages(2, 4), "C", log=log, time_unit="study day"),
    "observed_predicted": lambda n, g, log: plot.observed_predicted(population(n, g), log=log),
    "weighted_residuals": lambda n, g, log: plot.weighted_residuals(
        population(n, g), against="PRED" if log else "time"
    ),
    "goodness_of_fit": lambda n, g, log: plot.goodness_of_fit(population(n, g), pages(2, 2), log=log),
    "convergence": lambda n, g, log: plot.convergence(population(n, g), "CL" if log else "objective"),
    "convergence_page": lambda n, g, log: plot.convergence_page(population(n, g), pages(2, 4)),
    "random_effects": lambda n, g, log: plot.random_effects(population(n, g), "eta_CL"),
    "random_effects_page": lambda n, g, log: plot.random_effects_page(population(n, g), pages(1, 3)),
    "individual_course": lambda n, g, log: plot.individual_course(population(n, g), study(n, g), "S001", log=log),
    "individual_courses": lambda n, g, log: plot.individual_courses(
        population(n, g), study(n, g), pages(2, 3), log=log, time_unit="day"
    ),
    "waterfall": lambda n, g, log: plot.waterfall(tumours(n, g)[0], best=tumours(n, g)[1] if log else None),
    "spider": lambda n, g, log: plot.spider(tumours(n, g)[0], best=tumours(n, g)[1], time_unit="week" if log else None),
    "swimmer": lambda n, g, log: plot.swimmer(
        tumours(n, g)[0], patients=tumours(n, g)[2], best=tumours(n, g)[1] if log else None, time_unit="week"
    ),
    "kaplan_meier": lambda n, g, log: plot.kaplan_meier(survival(n, g, "log" if log else "log-log")),
}


def pages(rows: int, columns: int) -> Any:
    return plt.subplots(rows, columns, figsize=(4.0 * columns, 3.2 * rows), layout="constrained", squeeze=False)[1]


def tile(draw: Draw, subjects: int, groups: int, log: bool) -> np.ndarray[Any, Any]:
    """Draw one picture in a figure of its own, as a user sees it; an error is shown in its place."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            drawn = draw(subjects, groups, log)
        figure = (drawn if isinstance(drawn, Axes) else np.ravel(drawn)[0]).figure
    except Exception as error:
        figure, ax = plt.subplots(figsize=(6.4, 4.2))
        ax.text(0.5, 0.5, f"{type(error).__name__}: {error}"[:300], ha="center", va="center", wrap=True)
    words = f"{subjects} subject{'s' * (subjects > 1)}, {groups} dose{'s' * (groups > 1)}, {'log' if log else 'linear'}"
    figure.suptitle(words, fontsize=9, color="#888888")
    figure.set_dpi(80)
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba())[:, :, :3].copy()
    plt.close(figure)
    return picture


def sheet(draw: Draw) -> np.ndarray[Any, Any]:
    """Tile all cases of one picture: linear above, log below; of pages linear at the left, log at the right."""
    rows = [[tile(draw, n, g, log) for n, g in CASES] for log in (False, True)]
    if rows[0][0].shape[1] > 700:
        rows = [list(pair) for pair in zip(*rows, strict=True)]
    return tiled(rows)


def tiled(rows: list[list[np.ndarray[Any, Any]]]) -> np.ndarray[Any, Any]:
    """Put pictures side by side, in columns of one width."""
    width = [max(row[k].shape[1] for row in rows if k < len(row)) + 8 for k in range(len(rows[0]))]
    strips = []
    for row in rows:
        height = max(one.shape[0] for one in row) + 8
        strip = np.full((height, sum(width), 3), 255, dtype=np.uint8)
        for one, left in zip(row, np.cumsum([0, *width]), strict=False):
            strip[: one.shape[0], left : left + one.shape[1]] = one
        strips.append(strip)
    return np.concatenate(strips)


def contact(folder: Path) -> np.ndarray[Any, Any]:
    """All sheets of a folder, small, four in a row."""
    size, small = (640, 10_000), []
    for name in PICTURES:
        if (folder / f"{name}.png").exists():
            with Image.open(folder / f"{name}.png") as picture:
                whole = picture.convert("RGB")
            whole.thumbnail(size)
            strip = Image.new("RGB", (whole.width, whole.height + 14), "white")
            strip.paste(whole, (0, 14))
            ImageDraw.Draw(strip).text((2, 1), name, fill="black")
            small.append(np.asarray(strip))
    return tiled([small[k : k + 4] for k in range(0, len(small), 4)])


def main(folder: str, *names: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in names or (*PICTURES, "contact"):
        drawn = contact(Path(folder)) if name == "contact" else sheet(PICTURES[name])
        # 256 colours are enough for drawings, if rare ones count as much as frequent ones.
        small = Image.fromarray(drawn).quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        small.save(Path(folder) / f"{name}.png", optimize=True)
        print(name, drawn.shape, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

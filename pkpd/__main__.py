"""``python -m pkpd``: the IL-21 case from sparse samples to a simulated trial, and two real data sets.

``python -m pkpd --trial``: every number of the published trial beside a computed one.
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pkpd
from pkpd import il21, report
from pkpd.errors import PkpdError
from pkpd.progress import progress_bar

if TYPE_CHECKING:
    import pandas
    import xarray

_STEPS = 8
_SECONDS, _SECONDS_A_PATIENT = 25.0, 0.0002


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job and return the exit code: 0 done, 1 the job failed, 2 the command was not understood."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        (compare if options.trial else run)(options.out, options.seed, options.subjects)
    except (PkpdError, OSError) as error:
        print(f"pkpd: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pkpd",
        description="The IL-21 case from sparse samples to a simulated trial, with SYNTHETIC patients; "
        "then two real data sets beside other programs' answers.",
    )
    parser.add_argument("--trial", action="store_true", help="only the published trial, number by number (1 min)")
    parser.add_argument("--seed", type=_at_least(0), default=21, help="seed of everything random (default 21)")
    parser.add_argument("--subjects", type=_at_least(1), default=5000, help="virtual patients (default 5000)")
    parser.add_argument("--out", type=Path, default=Path("il21-results"), help="folder for figures and results")
    parser.add_argument("--version", action="version", version=f"pkpd {pkpd.__version__}")
    return parser


def _at_least(lowest: int) -> Callable[[str], int]:
    """Return a reader of whole numbers for argparse."""

    def whole_number(text: str) -> int:
        number = int(text)
        if number < lowest:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number ≥ {lowest}")
        return number

    return whole_number


def run(out: Path, seed: int, subjects: int) -> None:
    """Run all steps, print their tables and write figures and results to `out`."""
    began = time.perf_counter()
    print(announcement(subjects))
    print(f"All patients here are {il21.SYNTHETIC}.")
    print("Bhatia et al., J Immunother Cancer 2014, 2:2.")
    print("Rows are input (put in), calibrated (tuned to: no evidence for the model), predicted (neither) or")
    print("recomputed (arithmetic on published numbers, or another program's answer).\n")
    look = "{n}/{total} |{bar:20}| {desc}"
    in_terminal = sys.stderr.isatty()
    with progress_bar(total=_STEPS, file=sys.stderr, leave=False, bar_format=look, disable=not in_terminal) as bar:
        begun: list[str] = []

        def step(text: str) -> None:
            begun.append(text)
            bar.update(len(begun) > 1)
            bar.set_description_str(text)
            if not in_terminal:
                print(f"{len(begun)}/{_STEPS} {text}", file=sys.stderr, flush=True)

        step("synthetic study")
        study = il21.synthetic_study(seed)
        _say(bar, "Input", report.inputs())
        step("non-compartmental analysis")
        exposure = pkpd.nca(study, "IL21")
        _say(bar, "Exposure at 30 ug/kg, NCA of the synthetic patients", report.exposure(study))
        responses = il21.responses(study)
        _say(bar, "Responses without a model, synthetic patients", report.responses(responses))
        step("fits: individual PK, pooled PD")
        pk, effect = _fits(study, exposure)
        _say(bar, "Fits against the truth that the data were drawn from", report.recovered(pk, effect))
        used = f"{len(pk.usable())} of {len(pk)} individual PK fits are used; pooled PD fit: {effect.summary()}"
        bar.write(report.paragraph(used), file=sys.stdout)
        step("simulated course")
        course = _course(pk, effect, seed)
        step(f"virtual trial of {subjects} patients")
        _say(bar, "Worst lymphopenia", report.toxicity(il21.virtual_trial(subjects, seed=seed), subjects))
        _say(bar, "Other dose levels", report.predicted_toxicity(max(subjects // 4, 1), seed))
        _say(bar, "Arithmetic on the published numbers", report.recomputed())
        step("theophylline and indomethacin")
        _say(bar, "Theophylline, measured in 12 people", report.theophylline_report()[0])
        _say(bar, "Indomethacin, measured in 6 people", report.indomethacin_report()[0])
        step("figures")
        written = report.draw_figures(out, study, exposure, pk, effect, course)
        step("results")
        written += _save(out, {"nca": exposure, **{f"response-{k}": v for k, v in responses.items()}, "course": course})
    print("Written:", *(f"  {path}" for path in written), sep="\n")
    print(f"\ndone in {time.perf_counter() - began:.0f} s; patients are synthetic")


def compare(out: Path, seed: int, subjects: int) -> None:
    """Print every number of the published trial beside a computed one, and write CSV, HTML and LaTeX to `out`."""
    began = time.perf_counter()
    print(f"pkpd {pkpd.__version__}: Bhatia et al., J Immunother Cancer 2014, 2:2, number by number, about 30 s")
    print(f"All patients here are {il21.SYNTHETIC}.")
    print("Rows are input (put in), calibrated (tuned to: no evidence for the model), predicted (neither),")
    print("recomputed (arithmetic on what is printed) or cannot (be computed).\n")
    found = il21.compare_with_paper(seed=seed, subjects=subjects)
    for text in report.paper_text(found):
        print(text)
    print("Written:", *(f"  {path}" for path in report.write_paper(found, out)), sep="\n")
    apart = len(found.differing())
    print(f"\n{len(found.rows)} rows, {apart} of which differ; {len(found.findings)} findings within the paper")
    print(f"done in {time.perf_counter() - began:.0f} s; patients are synthetic")


def announcement(subjects: int) -> str:
    """Return the first line: what will happen and how long it takes.

    Measured on two cores of a server (2026): the time that does not depend on the virtual patients, theirs, and what
    the first run spends on compiling, which is kept on disk.

    Parameters
    ----------
    subjects : int
        Virtual patients.
    """
    seconds = _SECONDS + subjects * _SECONDS_A_PATIENT
    about = f"{5 * math.ceil(seconds / 5)} s" if seconds < 90 else f"{math.ceil(seconds / 60)} min"
    what = f"pkpd {pkpd.__version__}: IL-21 in renal cancer end to end in {_STEPS} steps"
    return f"{what}, about {about} (first run: + 1 min)"


def _fits(study: pkpd.Study, exposure: xarray.Dataset) -> tuple[pkpd.Fits, pkpd.Fit]:
    """Fit PK subject by subject, then the pooled PD with each subject's PK given."""
    model = il21.model()
    start = pkpd.initial_estimates(model, exposure, study)
    pk_model = pkpd.library.two_compartment().in_units(**model.base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pkpd.DataWarning)  # the subjects without a PK fit are named in the summary
        pk = pkpd.fit_individuals(
            pk_model,
            study.select(analytes=["IL21"]),
            start.subset(pk_model.parameters.names),
            error={"C": "proportional"},
            progress=False,
        )
        effect = pkpd.fit_pooled(model, study.select(analytes=["sCD25", "ALC"]), start, given=pk)
    return pk, effect


def _course(pk: pkpd.Fits, effect: pkpd.Fit, seed: int) -> xarray.Dataset:
    """Simulate the 7-week course from the fits: patients take whole rows of the individual PK."""
    return pkpd.simulate(effect, il21.regimen(), subjects=33, replicates=30, seed=seed)


def _say(bar: Any, title: str, table: pandas.DataFrame) -> None:
    bar.write(report.table_text(title, table), file=sys.stdout)


def _save(out: Path, results: dict[str, xarray.Dataset]) -> list[Path]:
    for name, result in results.items():
        result.to_netcdf(out / f"{name}.nc", engine="h5netcdf")
    return [out / f"{name}.nc" for name in results]


if __name__ == "__main__":
    sys.exit(main())

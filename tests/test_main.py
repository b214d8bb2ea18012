"""``python -m pkpd``: one small run, read as a user would read it; and what it says when it cannot."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import xarray

import pkpd
from pkpd.__main__ import announcement, main


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The whole job once, with few virtual patients: its folder, exit code and what it printed."""
    folder = tmp_path_factory.mktemp("job") / "new" / "results"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["--subjects", "200", "--seed", "21", "--out", str(folder)])
    return SimpleNamespace(folder=folder, code=code, out=out.getvalue(), err=err.getvalue())


def test_it_ends_well(job: SimpleNamespace) -> None:
    assert job.code == 0
    assert "Traceback" not in job.err
    assert re.search(r"done in \d+ s", job.out)


def test_it_says_that_the_patients_are_synthetic(job: SimpleNamespace) -> None:
    assert "SYNTHETIC" in job.out.split("Input")[0]
    assert "nobody was measured" in " ".join(job.out.split())  # lines are wrapped
    assert job.out.rstrip().endswith("patients are synthetic")


def test_tables_hold_every_kind(job: SimpleNamespace) -> None:
    titles = ("Input", "Exposure at 30 ug/kg", "Responses without a model", "Fits against the truth",
              "Worst lymphopenia", "Other dose levels", "Arithmetic on the published numbers",
              "Theophylline, measured", "Indomethacin, measured")  # fmt: skip
    places = [job.out.index(t) for t in titles]
    assert places == sorted(places)
    lines = job.out.splitlines()
    for kind in ("input", "calibrated", "predicted", "recomputed"):
        assert sum(re.search(rf"  {kind}  ", line) is not None for line in lines) >= 3, kind
    head = next(line for line in lines if line.startswith("quantity"))
    assert re.split(r" {2,}", head) == ["quantity", "published", "package", "kind", "agreement"]
    for text in ("188 (34)", "226 (37)", "16/33 (48 %)", "[8.980–38.908]", "Phoenix 2.8541"):
        assert text in job.out


def test_the_first_line_says_what_comes_and_how_long_it_takes(job: SimpleNamespace) -> None:
    first = job.out.splitlines()[0]
    assert re.search(r"in 8 steps, about \d+ (s|min)", first)
    assert announcement(20_000_000) > announcement(200)
    assert "min (first run" in announcement(20_000_000)


def test_no_line_is_wider_than_a_terminal(job: SimpleNamespace) -> None:
    tables, files = job.out.split("Written:")
    assert max(map(len, tables.splitlines())) <= 100
    assert str(job.folder) in files


def test_progress_goes_to_standard_error(job: SimpleNamespace) -> None:
    """So that the tables can be piped into a file; where that is no terminal, one line for each step and no bar."""
    lines = job.err.splitlines()
    assert [line.split()[0] for line in lines] == [f"{k}/8" for k in range(1, 9)]
    assert "\r" not in job.err
    assert "virtual trial of 200 patients" in job.err
    assert "|" not in job.out.split("Written:")[1]


def test_the_fit_is_honest(job: SimpleNamespace) -> None:
    found = re.search(r"(\d+) of (\d+) individual PK fits are used; pooled PD fit: .*?: (\w[\w ]*) —", job.out, re.S)
    assert found is not None
    assert int(found[2]) == 52
    assert 40 <= int(found[1]) <= 52
    assert found[3] == "converged"


def test_files_are_written_and_named(job: SimpleNamespace) -> None:
    written = [Path(line.strip()) for line in job.out.split("Written:")[1].splitlines() if line.startswith("  ")]
    assert {p.suffix for p in written} == {".png", ".pdf", ".svg", ".nc"}
    assert sorted(p.name for p in written) == sorted(p.name for p in job.folder.iterdir())
    for path in written:
        assert path.stat().st_size > 10_000, path.name
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_results_are_readable(job: SimpleNamespace) -> None:
    with xarray.open_dataset(job.folder / "course.nc", engine="h5netcdf") as stream:
        course = stream.load()
    assert dict(course.sizes)["subject"] == 33
    assert course["ALC"].attrs["units"] == "10^9/L"
    assert float(course["time"].max()) == 18 * 24 + 168
    assert (course["C"].values >= 0).all()
    assert "virtual" in course.attrs["synthetic"]
    assert course.attrs["pkpd_version"] == pkpd.__version__
    with xarray.open_dataset(job.folder / "nca.nc", engine="h5netcdf") as stream:
        exposure = stream.load()
    assert exposure.sizes["profile"] > 52
    assert exposure["auc_last"].attrs["units"]
    with xarray.open_dataset(job.folder / "response-ALC.nc", engine="h5netcdf") as stream:
        response = stream.load()
    assert response.sizes["profile"] == 52
    assert (response["r_min"] <= response["r_max"]).all()


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--help", "--version"):
        with pytest.raises(SystemExit) as stop:
            main([option])
        assert stop.value.code == 0
    text = capsys.readouterr().out
    for word in ("--seed", "--subjects", "--out", "SYNTHETIC", f"pkpd {pkpd.__version__}"):
        assert word in text


@pytest.mark.parametrize(
    "arguments", [["--subjects", "0"], ["--subjects", "-3"], ["--subjects", "many"], ["--seed", "x"], ["--nonsense"]]
)
def test_bad_arguments(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--out", str(tmp_path / "never")])
    assert stop.value.code == 2
    assert "usage: python -m pkpd" in capsys.readouterr().err
    assert not (tmp_path / "never").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file stands where the folder should be: exit code 1, one line, no traceback."""
    (tmp_path / "taken").write_text("a file")
    for out in (tmp_path / "taken", tmp_path / "taken" / "below"):
        assert main(["--out", str(out)]) == 1
        text = capsys.readouterr()
        assert text.err.startswith("pkpd: ")
        assert "Traceback" not in text.err
        assert "taken" in text.err
    assert (tmp_path / "taken").read_text() == "a file"


def test_a_seed_that_no_generator_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A negative seed is a bad argument (exit code 2), not a traceback of NumPy."""
    with pytest.raises(SystemExit) as stop:
        main(["--seed", "-1", "--subjects", "10", "--out", str(tmp_path)])
    assert stop.value.code == 2
    assert "seed" in capsys.readouterr().err


def test_as_a_command() -> None:
    """The real command, in its own process: help needs no compilation and no second; what is wrong ends it with 2."""
    done = subprocess.run([sys.executable, "-m", "pkpd", "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "IL-21" in done.stdout
    with pytest.raises(SystemExit) as wrong:
        main(["--subjects"])
    assert wrong.value.code == 2


def test_the_published_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--trial``: every part of the comparison on the screen, no line too wide, four files; exit 0."""
    assert main(["--trial", "--subjects", "200", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    tables, rest = out.split("Written:")
    assert max(map(len, tables.splitlines())) <= 100
    for text in ("8.980–38.908", "not determined", "What cannot be computed", "repaired nowhere", "95.761 %"):
        assert text in tables
    for kind in ("input", "calibrated", "predicted", "recomputed", "cannot"):
        assert re.search(rf"  {kind}  ", tables), kind
    assert "differ; 16 findings within the paper" in rest
    assert out.rstrip().endswith("patients are synthetic")
    names = ["paper-findings.csv", "paper.csv", "paper.html", "paper.tex"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert "SYNTHETIC" in (tmp_path / "paper.html").read_text(encoding="utf-8")
    table = (tmp_path / "paper.csv").read_text(encoding="utf-8")
    assert table.startswith("part,what,published,computed,kind,agreement,why")
    assert "κ ≤ 0.832" in table
    made = [line for line in table.splitlines() if re.search(",(calibrated|predicted),", line)]
    assert len(made) == 15
    assert all("SYNTHETIC" in line or "assumed truth" in line for line in made)

"""Simulations on disk: the same as in memory, whatever happens while they are written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

pytest.importorskip("zarr", reason='zarr is not installed: pip install "pkpd-toolkit[large]"')

import pkpd
from pkpd import Settings, simulate
from pkpd.dosing import bolus
from pkpd.errors import DataWarning, InputError, PkpdError
from pkpd.fit import residual_error
from pkpd.simulate.store import call
from pkpd.simulate.under_regimen import RegimenJob
from tests.simulate.simulate_cases import DOSE, TIMES, assert_same, people, regimen_run, slow_run, study, study_run

ROOT = Path(__file__).parents[2]


def python(code: str, *args: object, **options: Any) -> subprocess.Popen[str]:
    """Run a program that knows the cases of these tests."""
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, **options)


def marks(store: Path) -> list[int]:
    """Which pieces are there, in the order in which they were finished."""
    return [json.loads(line)["piece"] for line in (store / ".pkpd" / "pieces").read_text().splitlines()]


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("run", [regimen_run, study_run])
def test_a_store_holds_what_memory_would(tmp_path: Path, run: Any, threads: int) -> None:
    store = tmp_path / "new" / "course.zarr"
    executor = ThreadPoolExecutor(threads) if threads else None
    found, expected = run(store=store, executor=executor), run()
    assert_same(found, expected)
    assert_same(pkpd.open_simulation(str(store)), expected)
    assert_same(xarray.open_zarr(store), expected)
    assert sorted(marks(store)) == list(range(len(marks(store))))
    assert [p.name for p in store.parent.iterdir()] == ["course.zarr"]


def test_days_stay_days(tmp_path: Path) -> None:
    """A unit that xarray would take for that of a time span."""
    plan = DOSE.in_units("mg", "days")
    found = simulate(people(), plan, times=[0.5, 1.0], store=tmp_path / "x.zarr")
    assert_same(found, simulate(people(), plan, times=[0.5, 1.0]))


def test_it_is_written_in_pieces(tmp_path: Path) -> None:
    found = regimen_run(store=tmp_path / "x.zarr")
    assert found["C"].encoding["chunks"] == (1, 1000, 4)
    assert found["CL"].encoding["chunks"] == (1, 1000)
    assert study_run(store=tmp_path / "y.zarr")["value"].encoding["chunks"] == (333, 9)


def test_a_finished_store_is_only_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = regimen_run(store=tmp_path / "x.zarr").load()

    def never(self: object, piece: object) -> None:
        raise AssertionError(piece)

    monkeypatch.setattr(RegimenJob, "compute", never)
    for options in ({}, {"settings": Settings(workers=2)}, {"memory": "1 GB"}, {"executor": ThreadPoolExecutor(1)}):
        assert_same(regimen_run(store=tmp_path / "x.zarr", **options), expected)


SLOW = "import sys; from tests.simulate.simulate_cases import slow_run; slow_run(sys.argv[1])"


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL after three of ten pieces; the same call again, from another process, and an uninterrupted one."""
    store, whole = tmp_path / "killed.zarr", tmp_path / "whole.zarr"
    monkeypatch.setenv("PKPD_TEST_PAUSE", "0.3")
    process = python(SLOW, store)
    monkeypatch.delenv("PKPD_TEST_PAUSE")
    limit = time.monotonic() + 60
    while not (store / ".pkpd" / "pieces").exists() or len(marks(store)) < 3:
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = marks(store)
    assert 3 <= len(before) < 10
    with pytest.warns(DataWarning, match=f"{10 - len(before)} of 10 pieces are missing"):
        half = pkpd.open_simulation(store)
    assert (half["status"].values == -1).sum() == 9500 - 1000 * len(before)
    assert half["C"].isnull().sum() == 4 * (9500 - 1000 * len(before))
    written = {p: p.stat().st_mtime_ns for p in (store / "C").rglob("0") if p.is_file()}
    slow_run(store)
    slow_run(whole)
    assert marks(store)[: len(before)] == before
    assert sorted(marks(store)) == list(range(10))  # none of them twice
    old = [store / "C" / "c" / "0" / str(k) / "0" for k in before]
    assert all(path.stat().st_mtime_ns == written[path] for path in old)
    assert_same(pkpd.open_simulation(store), pkpd.open_simulation(whole).load())


@pytest.mark.parametrize("tear", ["mark", "line"])
def test_a_piece_without_its_mark_is_computed_again(tmp_path: Path, tear: str) -> None:
    """Killed while the data were written (some of them rubbish), or while the line was."""
    store = tmp_path / "x.zarr"
    regimen_run(store=store)
    log = store / ".pkpd" / "pieces"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-1]) + (lines[-1][:9] if tear == "line" else b""))
    (store / "C" / "c" / "1" / "2" / "0").write_bytes(b"half a pi")
    (store / "CL" / "c" / "1" / "2").unlink()
    assert_same(regimen_run(store=store), regimen_run())
    assert marks(store) == [0, 1, 2, 3, 4, 5]


def test_rubbish_is_not_read_as_numbers(tmp_path: Path) -> None:
    """A finished piece that was damaged later (a bit, here) is an error when it is read."""
    found = regimen_run(store=tmp_path / "x.zarr")
    chunk = tmp_path / "x.zarr" / "C" / "c" / "0" / "1" / "0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(RuntimeError):
        found["C"].load()


DIFFERENT: dict[str, dict[str, Any]] = {
    "seed": {"seed": 5},
    "subjects": {"subjects": 2301},
    "replicates": {"replicates": 3},
    "times": {"times": [0.5, 1.0, 4.0, 13.0]},
    "at_dose": {"at_dose": "after"},
    "settings": {"settings": Settings(rtol=1e-6)},
    "kept": {"keep": ["C"]},
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_another_call_is_refused(tmp_path: Path, what: str) -> None:
    regimen_run(store=tmp_path / "x.zarr")
    with pytest.raises(InputError) as caught:
        regimen_run(store=tmp_path / "x.zarr", **DIFFERENT[what])
    named = [p.split(":")[0] for p in caught.value.problems]
    assert what in named
    assert set(named) <= {what, "first subjects drawn", "times", named[-1]}  # another seed draws others
    assert "holds another simulation" in named[-1]
    assert_same(regimen_run(store=tmp_path / "x.zarr"), regimen_run())  # nothing was harmed


def test_another_model_is_refused_and_everything_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "x.zarr"
    who = people()
    regimen_run(store=store)

    def problems(source: Any, design: Any = DOSE) -> list[str]:
        with pytest.raises(InputError) as caught:
            simulate(source, design, subjects=2300, replicates=2, seed=4, times=TIMES, store=store)
        return [p.split(":")[0] for p in caught.value.problems[:-1]]

    faster = replace(who.model, equations={"central": "-2*CL/V*central"})
    assert problems(replace(who, model=faster)) == ["model"]
    other = who.parameters.with_values({"prop_C": 0.2})
    assert problems(replace(who, parameters=other, errors=())) == ["parameters", "residual errors", "kept"]
    assert problems(replace(who, errors=(residual_error("C", "weighted 1/y²"),)))[0] == "residual errors"
    assert problems(who, bolus("101 mg")) == ["design"]
    monkeypatch.setattr(call, "STREAMS", 99)
    assert problems(who) == ["pkpd"]


def test_another_study_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "x.zarr"
    study_run(store=store)
    data = study()
    changed = data.select(subjects=data.subject_ids[:2])
    with pytest.raises(InputError, match="design: the store has study"):
        simulate(people(), changed, replicates=700, seed=4, store=store)


HOLD = """
import sys
from pkpd.simulate.store.lock import locked
from pathlib import Path
with locked(Path(sys.argv[1]) / ".pkpd" / "lock"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_writers_are_one_too_many(tmp_path: Path) -> None:
    """A process that holds the store keeps others out; when it dies, however it dies, the next may go on."""
    store = tmp_path / "x.zarr"
    regimen_run(store=store)
    process = python(HOLD, store, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(InputError, match=r"x\.zarr is being written by another run"):
        regimen_run(store=store)
    process.kill()
    process.communicate()
    assert_same(regimen_run(store=store), regimen_run())


def test_two_writers_in_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, refused = tmp_path / "x.zarr", []
    compute = RegimenJob.compute

    def nested(self: RegimenJob, piece: Any) -> Any:
        with pytest.raises(InputError, match="being written by another run") as caught:
            regimen_run(store=store)
        refused.append(caught)
        return compute(self, piece)

    monkeypatch.setattr(RegimenJob, "compute", nested)
    found = regimen_run(store=store)
    assert len(refused) == 6
    monkeypatch.undo()
    assert_same(found, regimen_run())


def test_finished_pieces_outlive_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compute = RegimenJob.compute

    def broken(self: RegimenJob, piece: Any) -> Any:
        if piece.number == 4:
            raise ZeroDivisionError("by accident")
        return compute(self, piece)

    monkeypatch.setattr(RegimenJob, "compute", broken)
    with pytest.raises(PkpdError, match=r"piece 5 .*by accident"):
        regimen_run(store=tmp_path / "x.zarr")
    assert marks(tmp_path / "x.zarr") == [0, 1, 2, 3]
    monkeypatch.undo()
    assert_same(regimen_run(store=tmp_path / "x.zarr"), regimen_run())


def test_places_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("three years of work")
    (tmp_path / "file").write_text("")
    for place in ("folder", "file"):
        with pytest.raises(InputError, match="exists and is no simulation"):
            regimen_run(store=tmp_path / place)
    assert (tmp_path / "folder" / "thesis.txt").read_text() == "three years of work"
    with pytest.raises(InputError, match="expected a folder of this machine"):
        regimen_run(store="s3://bucket/x.zarr")
    with pytest.raises(InputError, match="there is no simulation at"):
        pkpd.open_simulation(tmp_path / "folder")
    (tmp_path / "empty").mkdir()
    assert_same(regimen_run(store=tmp_path / "empty"), regimen_run())
    monkeypatch.setitem(sys.modules, "zarr", None)
    for ask in (lambda: regimen_run(store=tmp_path / "x.zarr"), lambda: pkpd.open_simulation(tmp_path / "empty")):
        with pytest.raises(InputError, match=r'pip install "pkpd-toolkit\[large\]"'):
            ask()


LARGE = """
import resource, sys
from tests.simulate.simulate_cases import *
times = np.linspace(0.1, 24.0, 150)
regimen_run(2000, 1, times=times, store=sys.argv[1] + "/small.zarr")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = regimen_run(50_000, 1, times=times, store=sys.argv[1] + "/large.zarr", progress=False)
print(found.nbytes, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell a process's peak memory in this way")
def test_memory_does_not_grow_with_the_result(tmp_path: Path) -> None:
    """50 000 subjects × 150 times: 121 MB on disk, after a run of two pieces at most a third of it more in memory."""
    process = python(LARGE, tmp_path, stdout=subprocess.PIPE)
    out, _ = process.communicate(timeout=300)
    size, before, after = map(int, out.split())
    unit = 1 if sys.platform == "darwin" else 1024
    assert size > 120e6
    assert (after - before) * unit < size / 3


def test_failed_subjects_are_counted_when_a_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning is that of an uninterrupted run: what failed before the kill is remembered."""
    store = tmp_path / "x.zarr"
    regimen_run(store=store)
    log = store / ".pkpd" / "pieces"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    lines[1] |= {"failed": 7, "advice": "too stiff"}
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.warns(DataWarning, match="7 of 4600 subjects could not be solved and are NaN: too stiff"):
        regimen_run(store=store)
    assert np.isfinite(pkpd.open_simulation(store)["C"]).all()

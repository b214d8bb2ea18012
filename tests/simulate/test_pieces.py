"""Simulations in pieces: it does not matter who computes them, in which order, or what is kept beside."""

from __future__ import annotations

import multiprocessing
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas
import pytest

from pkpd import Settings, il21, simulate
from pkpd.dosing import bolus
from pkpd.errors import DataWarning, InputError, PkpdError
from pkpd.model import define
from pkpd.population import Population
from pkpd.simulate.pieces import Cut
from pkpd.simulate.resources import in_words, size
from tests.simulate.simulate_cases import DOSE, TIMES, assert_same, people, regimen_run, study, study_run


@pytest.mark.parametrize(("replicates", "subjects"), [(1, 1), (1, 1000), (1, 1001), (3, 2500), (7, 400), (1001, 1)])
@pytest.mark.parametrize("whole", [False, True])
def test_pieces_cover_everything_once(replicates: int, subjects: int, whole: bool) -> None:
    cut = Cut.of(replicates, subjects, whole)
    seen = np.zeros((replicates, subjects), dtype=int)
    for k, piece in enumerate(cut):
        assert piece.number == k
        seen[piece.region["replicate"], piece.region["subject"]] += 1
        assert piece.shape == seen[piece.region["replicate"], piece.region["subject"]].shape
        assert piece.shape[0] * piece.shape[1] <= 1000 or (whole and piece.shape == (1, subjects))
        if whole:
            assert piece.shape[1] == subjects
    assert (seen == 1).all()


def test_blocks_have_streams_of_their_own() -> None:
    """Nobody and no measurement occurs twice, in whichever block or replicate."""
    found = regimen_run()
    error = found["C_measured"] / found["C"]
    for values in (found["CL"].values, found["V"].values, error.values):
        assert np.unique(values).size == values.size


def test_whole_blocks_do_not_depend_on_how_many_there_are() -> None:
    small, large = regimen_run(2300), regimen_run(3100, 1)
    assert_same(large.isel(subject=slice(2000)), small.isel(subject=slice(2000), replicate=[0]))


class Backwards(ThreadPoolExecutor):
    """Hands back the last piece first: it waits until it has all of them."""

    def __init__(self, pieces: int) -> None:
        super().__init__(1)
        self._max_workers = pieces  # as many in flight
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.pieces = pieces
        self.order: list[int] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, lambda: (self.order.append(args[0].number), fn(*args))[1]))
        if len(self.waiting) == self.pieces:
            for one, work in reversed(self.waiting):
                one.set_result(work())
        return future


def test_the_order_does_not_matter() -> None:
    executor = Backwards(6)
    assert_same(regimen_run(executor=executor), regimen_run())
    assert executor.order == [5, 4, 3, 2, 1, 0]


@contextmanager
def dask_executor() -> Iterator[Executor]:
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor()


EXECUTORS: dict[str, Callable[[], Any]] = {
    "threads": lambda: ThreadPoolExecutor(3),
    "processes": lambda: ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")),
    "dask": dask_executor,
}


@pytest.mark.parametrize("kind", EXECUTORS)
def test_executors_do_not_matter(kind: str) -> None:
    """A plan, a study and an integrated model: the same bits from threads, fresh processes and dask."""
    plan = {"subjects": 1200, "seed": 2, "times": [24.0, 120.0]}
    with EXECUTORS[kind]() as executor:
        found = regimen_run(executor=executor), study_run(executor=executor)
        course = simulate(il21.truth(), il21.regimen(), executor=executor, **plan)
    assert_same(found[0], regimen_run())
    assert_same(found[1], study_run())
    assert_same(course, simulate(il21.truth(), il21.regimen(), **plan))


class Counting(ThreadPoolExecutor):
    """Counts the results that exist at once."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.alive: weakref.WeakSet[Future[Any]] = weakref.WeakSet()
        self.most = self.total = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(fn, *args, **kwargs)
        self.alive.add(future)
        self.most, self.total = max(self.most, len(self.alive)), self.total + 1
        return future


def test_few_pieces_are_in_flight() -> None:
    with Counting(2) as executor:
        regimen_run(30_000, 1, executor=executor)
    assert executor.total == 30
    assert executor.most <= 2 * 2 + 1  # the one whose result is being put away
    with Counting(2) as executor:  # each needs about 4 × 88 kB
        regimen_run(30_000, 1, executor=executor, memory=3_500_000)
    assert executor.most <= 4 + 1


def test_only_what_is_asked_for_is_kept() -> None:
    """And it is the same as among everything, measurements too."""
    everything = simulate(il21.truth(), il21.regimen(), subjects=30, seed=1, times=[24.0])
    assert {"C", "A", "sCD25", "ALC", "ALC_measured", "CL", "L0", "status"} <= set(everything)
    names = ["ALC_measured", "CL", "sCD25"]
    kept = simulate(il21.truth(), il21.regimen(), subjects=30, seed=1, times=[24.0], keep=names)
    assert set(kept) == {*names, "status"}
    assert_same(kept, everything.drop_vars(set(everything) - set(kept)))
    fixed = simulate(il21.truth(), il21.regimen(), subjects=3, times=[24.0], keep="kA")
    assert set(fixed) == {"kA", "status"}
    np.testing.assert_array_equal(fixed["kA"], np.full((1, 3), np.log(2) / 12))
    measured = study_run(keep=["measured"])
    assert "value" not in measured
    assert_same(measured["measured"].to_dataset(), study_run()["measured"].to_dataset())


def test_names_that_cannot_be_kept_are_all_said() -> None:
    with pytest.raises(InputError) as caught:
        regimen_run(keep=["C_measurd", "AUC", "C"])
    assert len(caught.value.problems) == 2
    assert "did you mean 'C_measured'" in str(caught.value)
    with pytest.raises(InputError, match="empty"):
        regimen_run(keep=[])
    with pytest.raises(InputError, match="unknown name to keep 'C'"):
        study_run(keep="C")


@pytest.mark.parametrize("threads", [0, 2])
def test_a_piece_that_fails_says_which_it_was(threads: int) -> None:
    def crowd(rng: np.random.Generator, subjects: int) -> pandas.DataFrame:
        if subjects < 1000:
            raise ValueError("the crowd is too small")
        return pandas.DataFrame({"weight": rng.uniform(50, 100, subjects)})

    who = people(covariates=crowd)
    text = r"piece 3 \(replicates 1 to 1, subjects 2001 to 2300\) failed: ValueError: the crowd is too small"
    with pytest.raises(PkpdError, match=text):
        simulate(who, DOSE, subjects=2300, times=TIMES, executor=ThreadPoolExecutor(threads) if threads else None)


def test_what_cannot_be_sent_says_which_piece() -> None:
    who = people(covariates=lambda rng, subjects: pandas.DataFrame({"weight": rng.uniform(50, 100, subjects)}))
    with EXECUTORS["processes"]() as executor, pytest.raises(PkpdError, match=r"piece 1 .*[Pp]ickle"):
        simulate(who, DOSE, subjects=1001, times=TIMES, executor=executor)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_failed_subjects_are_counted_over_all_pieces() -> None:
    """R' = k·R² with k > 1/2 has no value at 2 h: one warning for all of them."""
    model = define({"R": "k*R**2"}, {"k": 0.5}, outputs={"y": "R"}, initial={"R": "1"}, doses={"bolus": "R"})
    table = pandas.DataFrame({"k": [0.1] * 99 + [0.8]})
    crowd = Population(model.in_units(time="h", amount="mg", volume="L"), model.parameters, table=table)
    settings = Settings(method="explicit", max_steps=500)
    with pytest.warns(DataWarning, match="of 2200 subjects could not be solved") as caught:
        found = simulate(crowd, bolus("0 mg"), subjects=1100, replicates=2, times=[2.0], settings=settings)
    bad = found["k"].values == 0.8
    assert bad[:, :1000].any()
    assert bad[:, 1000:].any()
    assert [str(c.message).split(":")[0] for c in caught] == [
        f"{bad.sum()} of 2200 subjects could not be solved and are NaN"
    ]
    np.testing.assert_array_equal(found["status"].values != 0, bad)


def test_a_result_that_is_too_large_says_so() -> None:
    """C and C_measured: 2 × 8 B × 2000 × 4; CL, V, status: 3 × 8 B × 2000; coordinates: 8 B × (1 + 2000 + 4 + 1)."""
    assert regimen_run(2000, 1, memory="193 kB").nbytes == 128_000 + 48_000 + 16_048
    with pytest.raises(InputError) as caught:
        regimen_run(2000, 1, memory="100 kB")
    for part in ("192 kB", "100 kB", "store=", "keep=", "memory="):
        assert part in str(caught.value)
    with pytest.raises(InputError, match=r"would take .* TB"):  # nothing of it is allocated
        regimen_run(10**6, 10**6)
    for wrong in ("2 zettabits", "-1 GB", "much", 0):
        with pytest.raises(InputError, match=r"memory is .*expected a size such as '2 GB'"):
            regimen_run(memory=wrong)


def test_sizes() -> None:
    assert [size(s) for s in ("2 GB", "2gb", "1.5 kB", 10, "1 MiB", "7")] == [2e9, 2e9, 1500, 10, 2**20, 7]
    assert [in_words(s) for s in (7, 1500, 2e9, 3.21e13)] == ["7 B", "1.5 kB", "2 GB", "32.1 TB"]


@pytest.mark.parametrize(("progress", "terminal"), [(True, True), (False, True), (True, False)])
def test_progress_of_what_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, progress: bool, terminal: bool
) -> None:
    def slow(rng: np.random.Generator, subjects: int) -> pandas.DataFrame:
        time.sleep(0.8)
        return pandas.DataFrame({"weight": rng.uniform(50, 100, subjects)})

    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    regimen_run()
    assert capsys.readouterr().err == ""  # quick: nothing is shown
    simulate(people(covariates=slow), DOSE, subjects=3001, times=TIMES, progress=progress)
    shown = capsys.readouterr().err
    assert ("simulation" in shown and "4/4" in shown) == (progress and terminal)
    assert (progress and terminal) or shown == ""


def test_large_times_are_solved_in_slices() -> None:
    """2000 times × 150 subjects are more values than are solved at once: the same as subject by subject."""
    times = np.linspace(0.1, 20, 2000)
    found = simulate(people(), DOSE, subjects=150, seed=1, times=times)
    k = (found["CL"] / found["V"]).values[0][:, None]
    np.testing.assert_allclose(found["C"].values[0], 100 / found["V"].values[0][:, None] * np.exp(-k * times), 1e-11)
    np.testing.assert_array_equal(found["status"], 0)


def test_a_subject_of_a_study_keeps_its_own_doses() -> None:
    """Replicates share pieces: each still has the records of the study in its own order."""
    found = study_run()
    one = simulate(people(), study(), replicates=1, seed=4)
    assert_same(found.isel(replicate=[0]), one)
    assert np.unique(found["measured"].values).size == found["measured"].size

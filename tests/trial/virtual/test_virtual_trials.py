"""Virtual trials: reproducible, resumable, and the same as the models and verbs they are made of."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
import xarray
from scipy.integrate import solve_ivp

import pkpd
from pkpd import trial
from pkpd.engine import Settings
from pkpd.errors import InputError
from pkpd.trial.virtual import verb
from pkpd.trial.virtual.assumptions import digest
from pkpd.trial.virtual.block import run_block
from pkpd.trial.virtual.course import Patients
from pkpd.trial.virtual.treatment import as_doses, dose_times, partner_doses

PLAN = replace(pkpd.il21.trial_plan(), patients=20, courses=1)
ALONE = replace(pkpd.il21.trial_plan(with_sorafenib=False), patients=20, courses=1)


@pytest.fixture(scope="module")
def tree() -> xarray.DataTree:
    return trial.virtual_trials(ALONE, 40, seed=3, progress=False)


def test_the_same_seed_gives_the_same_trials(tree: xarray.DataTree, tmp_path: Path) -> None:
    """However many are asked for, whoever computes them, in one go or after a kill."""
    with ThreadPoolExecutor(2) as executor:
        again = trial.virtual_trials(ALONE, 27, seed=3, executor=executor, progress=False)
    for name in ("trials", "patients", "courses", "scans"):
        part = tree[name].to_dataset().isel(trial=slice(27))
        xarray.testing.assert_identical(again[name].to_dataset(), part)
    trial.virtual_trials(ALONE, 20, seed=3, folder=tmp_path / "kept", progress=False)
    whole = trial.virtual_trials(ALONE, 40, seed=3, folder=tmp_path / "kept", progress=False)
    assert whole.identical(tree)


def test_a_plan_can_be_sent_to_a_process() -> None:
    """What a worker of a pool gets is the plan that was meant."""
    sent = pickle.loads(pickle.dumps(PLAN))
    assert digest(sent, 1) == digest(PLAN, 1)
    assert digest(sent, 2) != digest(PLAN, 1)


def test_only_what_is_missing_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with one block lost and one damaged: these two are computed again; another plan is refused."""
    place, small = tmp_path / "kept", replace(ALONE, patients=6)
    whole = trial.virtual_trials(small, 60, seed=3, folder=place, progress=False)
    (place / "block-00000.nc").unlink()
    (place / "block-00002.nc").write_bytes((place / "block-00002.nc").read_bytes()[:-100])
    computed = []

    def seen(block: int, *args: object) -> object:
        computed.append(block)
        return run_block(block, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(verb, "run_block", seen)
    assert trial.virtual_trials(small, 60, seed=3, folder=place, progress=False).identical(whole)
    assert computed == [0, 2]
    for other, seed in ((replace(small, unevaluable=0.2), 3), (small, 4)):
        with pytest.raises(InputError, match="another plan or seed"):
            trial.virtual_trials(other, 60, seed=seed, folder=place, progress=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"no plan\.json"):
        trial.virtual_trials(small, 60, folder=tmp_path / "other", progress=False)


def test_the_tumour_is_that_of_one_system() -> None:
    """Both drugs and the tumour as one system of equations, solved by SciPy: the sum is the product of both parts."""
    plan, count, times = pkpd.il21.trial_plan(), 3, np.array([0.0, 500.0, 1080.0])
    drug = Patients(plan.drug.population, "ug/kg", count, 5, 0, Settings())
    sorafenib = Patients(plan.partner.population, "mg", count, 6, 0, Settings())  # type: ignore[union-attr]
    when = dose_times(plan.drug.days, 1, 7)
    boluses = as_doses(np.full((count, 1, 10), 30.0), when, "bolus")
    tablets = partner_doses(np.array([[0, 0, 0, 1, 1, 1, 1]] * count), [(400.0, 12.0), (400.0, 24.0)], "oral", 1176)
    found = drug.solve(boluses, times)[0]["SLD"] * sorafenib.solve(tablets, times)[0]["kept"]
    for k in range(count):
        p = {name: float(v[k]) for name, v in drug.values.items()}
        q = {name: float(v[k]) for name, v in sorafenib.values.items()}
        given = [(t, 0, 30_000.0) for t in when.ravel()]
        given += [(d.time + j * d.interval, 3, 400.0) for d in tablets[k] for j in range(d.additional + 1)]
        assert _one_system(p, q, given, times) == pytest.approx(found[k], rel=2e-6)


def _one_system(p: dict[str, float], q: dict[str, float], given: list[tuple], times: np.ndarray) -> list[float]:
    """Central, peripheral, A; depot, four transits, central, gallbladder of sorafenib; the tumour."""

    def rates(t: float, y: np.ndarray, last: float) -> list[float]:
        c, ka = y[0] / p["V1"], 5 / q["MTT"]
        blood = y[8] * q["CL"] / q["V"]
        ratio = ((t - last) / q["Tge"]) ** 40
        bile = q["kge"] * ratio / (1 + ratio) * y[9]
        kill = p["KD_SLD"] * np.exp(-p["lambda_SLD"] * t) * y[2]
        kill += q["KD_kept"] * np.exp(-q["lambda_kept"] * t) * y[8] / q["V"]
        return [
            -(p["CL"] + p["Q"]) * c + p["Q"] / p["V2"] * y[1], p["Q"] * c - p["Q"] / p["V2"] * y[1],
            p["kA"] * (c / (p["EC50"] + c) - y[2]),
            -ka * y[3], ka * (y[3] - y[4]), ka * (y[4] - y[5]), ka * (y[5] - y[6]), ka * (y[6] - y[7]) + bile,
            ka * y[7] - blood, q["Fbile"] * blood - bile, (p["KL_SLD"] - kill) * y[10],
        ]  # fmt: skip

    state, sums, last = np.zeros(11), [], -1e9
    state[10] = p["SLD_0"]
    stops = sorted({*times, *(t for t, _, _ in given)})
    for begin, end in zip([0.0, *stops], stops, strict=False):
        if end > begin:
            solved = solve_ivp(rates, (begin, end), state, "LSODA", args=(last,), rtol=1e-9, atol=1e-9)
            state = solved.y[:, -1]
        if end in times:
            sums.append(float(state[10]))
        for t, place, amount in given:
            if t == end:
                state[place] += amount
                last = end if place == 3 else last
    return sums


def test_what_is_seen_is_what_the_verbs_compute(tree: xarray.DataTree) -> None:
    """Response, survival and median of a virtual trial, computed again by the public verbs from its own tables."""
    for number in (1, 17):
        tables = trial.virtual_tables(tree, number)
        people, scans = tables["patients"], tables["scans"]
        reported = scans[~scans["baseline"]][["subject", "day", "response"]]
        assessed = trial.assess_response(scans.drop(columns="response"), rules=ALONE.scans.rules).dropna(subset="day")
        assert assessed["response"].tolist() == reported["response"].tolist()
        best = trial.best_response(reported, subjects=people["subject"].tolist()).set_index("subject")["response"]
        assert best.reindex(people["subject"]).tolist() == people["response"].tolist()
        expansion = people["cohort"] == 0
        if not expansion.any():
            continue
        report = tree["trials"].to_dataset().sel(trial=number)
        assert 100 * people["response"][expansion].isin(["CR", "PR"]).mean() == pytest.approx(report["response_rate"])
        curve = trial.kaplan_meier(tables["times"][expansion])
        months = curve.median()["time"].iloc[0] / 30.4375
        np.testing.assert_allclose(report["median_pfs"], months)
        cohorts = tables["cohorts"]
        replay = trial.replay_escalation(ALONE.design, cohorts[["dose", "patients", "dlt"]])
        assert "disagree" not in str(replay)
        rates = people[people["cohort"] > 0].groupby("dose")["dlt"].sum()
        assert rates.to_dict() == cohorts.groupby("dose")["dlt"].sum().to_dict()


def test_exposure_is_that_of_the_nca() -> None:
    """Cmax, AUC0-t and half-life of the samples of a block are those of `pkpd.nca` on the same samples."""
    block = run_block(0, ALONE, 3, Settings())["patients"]
    drug = Patients(ALONE.drug.population, "ug/kg", 20 * 20, int(np.random.SeedSequence(3).generate_state(3)[0]), 0,
                    Settings())  # fmt: skip
    hours = np.array(ALONE.drug.sample_hours)
    level = block["level"].to_numpy().ravel()
    drug.values["onset_ADA"] = np.full(len(level), 1e9)  # nobody has antibodies in the first week
    given = np.array(ALONE.design.doses)[level][:, None, None] * np.ones((1, 1, 10))
    samples = drug.solve(as_doses(given, dose_times(ALONE.drug.days, 1, 7), "bolus"), hours)[0]["C"]
    exact = block["cmax_day1"].to_numpy().ravel() / samples[:, 0]
    assert np.isfinite(exact).all()
    assert abs(np.log(exact)).max() < 0.7
    measured = pandas.DataFrame({"time": hours, "value": samples[0], "subject": 1, "analyte": "IL21"})
    doses = pandas.DataFrame({"subject": [1], "time": [0.0], "amount": [float(given[0, 0, 0])], "route": ["bolus"]})
    study = pkpd.read_study(measured, doses, units={"time": "h", "IL21": "ng/mL", "dose": "ug/kg"})
    known = pkpd.nca(study, "IL21")
    from pkpd.trial.virtual.seen import EXPOSURES, exposures

    own = exposures(samples[:1], hours, 0.0, given[:1, 0, 0] * 1000, "bolus")
    assert own[0] == pytest.approx([float(known[name].values[0]) for name in EXPOSURES], rel=1e-12)


def test_every_assumption_is_in_the_table(tree: xarray.DataTree) -> None:
    """A row for each parameter, random effect and field, with its kind; a change of any changes the table."""
    table = tree["assumptions"].to_dataset().to_dataframe()
    names = set(table["name"])
    population = ALONE.drug.population
    assert {*population.parameters.names, *(f"omega_{n}" for n in population.omega.effects())} <= names
    assert {"new_lesions", "deaths", "toxicity", "antibodies", "unevaluable", "courses"} <= names
    assert set(table["kind"]) <= {"published", "calibrated", "assumed", "input"}
    assert table.query("name == 'ratio_ADA'")["kind"].item() == "assumed"


def test_summary_and_errors(tree: xarray.DataTree) -> None:
    """Shares of doses add up; plans that cannot be are refused with every problem."""
    table = trial.summarise_virtual(tree).set_index("name")
    doses = [name for name in table.index if name.startswith("dose ") or name == "no dose"]
    assert table.loc[doses, "mean"].sum() == pytest.approx(100)
    thirty = trial.summarise_virtual(tree, dose=30.0).set_index("name")
    chose = (tree["trials"]["dose"] == 30) & (tree["trials"]["expansion"] > 0)
    assert thirty.loc["response_rate", "trials"] == int(chose.sum()) > 0
    with pytest.raises(InputError, match="one of 10"):
        trial.summarise_virtual(tree, dose=31.0)
    with pytest.raises(InputError, match="from 1 to 40"):
        trial.virtual_tables(tree, 41)
    with pytest.raises(InputError) as found:
        replace(PLAN, patients=1, unevaluable=1.0, scans=replace(PLAN.scans, output="SDL", day=60))
    assert [word for word in ("SDL", "patients", "unevaluable", "scans.day") if word not in str(found.value)] == []
    with pytest.raises(InputError, match="knows no antibodies"):
        replace(PLAN.drug, population=pkpd.il21.truth())

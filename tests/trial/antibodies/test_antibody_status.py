"""Categories, times and incidence from tables of samples, each rule as a case (Shankar 2014)."""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import pandas
import pytest

from pkpd import trial
from pkpd.errors import DataWarning, InputError
from pkpd.trial.antibodies.samples import status_at


def of(text: str, days: list[float], titres: list[float] | None = None) -> pandas.Series:
    """One patient from signs: + positive, - negative, space not reportable."""
    words = {"+": "positive", "-": "negative", " ": ""}
    table = pandas.DataFrame({"subject": "a", "day": days, "result": [words[sign] for sign in text]})
    if titres is not None:
        table["titre"] = titres
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return trial.antibody_status(table).patients.iloc[0]


def test_three_of_52() -> None:
    """Published: neutralising antibodies in 3 of 52; exact interval 1.206 to 15.947 % (numbers.json, R binom.test)."""
    rows = [(s, d, "positive" if s <= 3 and d > 1 else "negative") for s in range(1, 53) for d in (1, 43)]
    found = trial.antibody_status(pandas.DataFrame(rows, columns=["subject", "day", "result"]))
    row = found.rates.set_index("what").loc["treatment-emergent (incidence)"]
    assert (row["patients"], row["of"]) == (3, 52)
    assert round(row["low"], 3) == 1.206
    assert round(row["high"], 3) == 15.947
    assert "3 of 52" in str(found)
    assert found.by_day["positive"].tolist() == [0, 3]


@pytest.mark.parametrize(
    ("signs", "days", "status", "course"),
    [
        ("---", [1, 43, 92], "negative", ""),
        ("-+-", [1, 43, 92], "treatment-induced", "transient"),  # one sample, not the last
        ("--+", [1, 43, 92], "treatment-induced", "persistent"),  # only the last
        ("-+-+-", [1, 43, 92, 154, 155], "treatment-induced", "transient"),  # 111 days, negatives between do not count
        ("-+-+-", [1, 43, 92, 155, 156], "treatment-induced", "persistent"),  # 112 days are 16 weeks
        ("-++", [1, 43, 44], "treatment-induced", "persistent"),  # last sample positive
        ("+++", [1, 43, 92], "pre-existing", ""),
        ("+--", [1, 43, 92], "pre-existing", ""),
        ("-", [1], "not evaluable", ""),
        ("-  ", [1, 43, 92], "not evaluable", ""),
        ("+-+", [-7, 0.5, 43], "treatment-induced", "persistent"),  # the last sample up to day 1 is the baseline
    ],
)
def test_categories(signs: str, days: list[float], status: str, course: str) -> None:
    row = of(signs, days)
    assert (row["status"], row["course"]) == (status, course)


@pytest.mark.parametrize(
    ("titre", "status"), [(40.0, "treatment-boosted"), (39.9, "pre-existing"), (np.nan, "pre-existing")]
)
def test_a_titre_that_rises_fourfold_is_boosted(titre: float, status: str) -> None:
    assert of("++", [1, 43], [10.0, titre])["status"] == status


def test_the_day_of_a_boost_is_that_of_the_risen_titre() -> None:
    row = of("+++", [1, 43, 92], [10.0, 20.0, 80.0])
    assert row["first_positive"] == 92


def test_onset_lies_between_two_samples() -> None:
    row = of("--- +-+", [1, 8, 15, 22, 29, 36, 43])
    assert (row["last_negative"], row["first_positive"], row["last_positive"]) == (15, 29, 43)


@pytest.mark.parametrize("time", [True, False])
@pytest.mark.parametrize("words", [("positive", "negative"), ("Yes", "no"), (1, 0), (True, False), ("POS", "NEG")])
def test_words_and_clocks(words: tuple[object, object], time: bool) -> None:
    when = {"time": [0, 1008]} if time else {"day": [1, 43]}
    found = trial.antibody_status({"subject": [1, 1], **when, "result": [words[1], words[0]]}).patients.iloc[0]
    assert (found["status"], found["first_positive"]) == ("treatment-induced", 43)


def test_what_is_taken_for_granted_is_counted() -> None:
    table = {"subject": [1, 2, 2, 3, 4], "day": [43, 1, 43, 1, 43], "result": ["pos", "pos", "pos", "neg", ""]}
    with pytest.warns(DataWarning) as caught:
        found = trial.antibody_status(table)
    said = " ".join(str(w.message) for w in caught)
    assert "1 of 5 samples" in said
    assert "1 positive patients have no sample up to day 1 (subject 1)" in said
    assert "without titres (subject 2)" in said
    assert "2 patients have no reportable sample after day 1 (subject 3, 4)" in said
    rates = found.rates.set_index("what")
    assert rates.loc["treatment-induced", ["patients", "of"]].tolist() == [1, 2]
    assert rates.loc["pre-existing", ["patients", "of"]].tolist() == [1, 2]
    assert rates.loc["positive at any time (prevalence)", ["patients", "of"]].tolist() == [2, 3]


def test_nobody_positive_leaves_no_rate_of_courses() -> None:
    found = trial.antibody_status({"subject": [1, 1], "day": [1, 43], "result": ["neg", "neg"]})
    row = found.rates.set_index("what").loc["transient"]
    assert row["of"] == 0
    assert np.isnan([row["percent"], row["low"], row["high"]]).all()


def test_status_at_the_time_of_a_profile() -> None:
    tested, positive = np.array([1.0, 43.0, 92.0, 141.0]), np.array([False, False, True, False])
    days = np.array([-1.0, 1.0, 20.0, 43.0, 44.0, 91.9, 92.0, 93.0, 140.0, 141.0, 200.0])
    expected = [0, 0, 0, 0, np.nan, np.nan, 1, np.nan, np.nan, 0, 0]
    np.testing.assert_array_equal(status_at(days, tested, positive), expected)
    np.testing.assert_array_equal(status_at(days[:2], tested[:1], np.array([True])), [np.nan, 1])
    assert np.isnan(status_at(days, np.zeros(0), np.zeros(0, dtype=bool))).all()


def test_malformed_tables_say_every_problem() -> None:
    with pytest.raises(InputError) as caught:
        trial.antibody_status({"subject": [1, 2, 3], "day": ["x", 43, 1], "result": ["maybe", "pos", "neg"]})
    assert len(caught.value.problems) == 2
    assert "row 1" in caught.value.problems[0]
    with pytest.raises(InputError, match="second sample on day 43"):
        trial.antibody_status({"subject": [1, 1], "day": [43, 43], "result": ["pos", "neg"]})
    with pytest.raises(InputError, match="nor 'time'"):
        trial.antibody_status({"subject": [1], "result": ["pos"]})
    with pytest.raises(InputError) as caught:
        trial.antibody_status({"subject": [1], "day": [1], "result": ["neg"]}, level=2, boosted=0.5)
    assert len(caught.value.problems) == 2


def test_nothing_but_the_documented_error() -> None:
    rng = np.random.default_rng(4)
    cells = [1, 0, -3, 43, "43", "x", "", None, np.nan, np.inf, "positive", "neg", True, 1e400, "1,5", [1]]
    columns = ["subject", "day", "time", "result", "titre", "ada"]
    for _ in range(150):
        names = rng.choice(columns, rng.integers(1, 6), replace=False)
        rows = int(rng.integers(0, 5))
        table = {name: [cells[k] for k in rng.integers(len(cells), size=rows)] for name in names}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.suppress(InputError):  # any other error is one
                assert len(trial.antibody_status(table).rates) == 7

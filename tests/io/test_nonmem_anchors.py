"""Events at fixed parameters against NONMEM 7.6.0, as run by the FeRx developers: lags, resets, steady states.

Source: FeRx-NLME/ferx-core (MIT), ``nonmem_anchor/``: ``evid_reset_lag`` (ADVAN2), ``ss_infusion_stop`` (ADVAN2),
``ss_lag_infusion``, ``ss_lag_infusion_flatwt``, ``ss_lag_ge_ii_flatwt`` and ``tvcov_lag_saltation_multidose`` (ADVAN13,
printed with five digits). The numbers are the PRED column; the records are written anew, with the name that the run
gave each case.
"""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from pkpd import define, predict
from pkpd.dosing import Dose
from pkpd.engine import compile_model
from pkpd.io import read_nonmem
from pkpd.model import Model

# What happens: time, EVID, AMT, CMT, RATE, II, SS. What NONMEM says: time → PRED.
SINGLE = {10.5: 0, 11.5: 0, 12.5: 0.35228907258241909, 14: 1.1686879859439625, 20: 2.2220212830752923}
NOTHING = {10.5: 0, 12.5: 0, 14: 0, 16: 0, 20: 0}
RESETS: dict[str, tuple[float, list[tuple[float, ...]], dict[float, float]]] = {
    "1 lagged dose, reset before it arrives, dose": (
        2, [(9, 1, 100, 1), (10, 3), (10.001, 1, 100, 1)],
        {9.5: 0, 11.5: 0, 12.5: 0.35162840865497108, 14: 1.1682491774645698, 20: 2.2220175724163957},
    ),
    "2 lagged dose, reset before it arrives": (2, [(9, 1, 100, 1), (10, 3)], NOTHING),
    "3 reset, lagged dose": (
        2, [(8.5, 3), (9, 1, 100, 1)],
        {10.5: 0, 11.5: 0.35228907258241909, 12.5: 0.93287636498521331, 14: 1.5478510358991699, 20: 2.2099409864206137},
    ),
    "4 reset after it arrived": (2, [(9, 1, 100, 1), (12, 3)], {11.5: 0.35228907258241909, 12.5: 0, 14: 0, 20: 0}),
    "5 reset and dose": (2, [(9, 1, 100, 1), (10, 4, 100, 1)], SINGLE),
    "6 reset and dose, dose": (
        2, [(8.5, 4, 100, 1), (9, 1, 100, 1)],
        {10.5: 0, 11.5: 1.0142306967459473, 12.5: 2.1015643509291735, 14: 3.2448419161776476, 20: 4.4034293901129997},
    ),
    "7 dose and reset at one time": (2, [(10, 1, 100, 1), (10, 3)], NOTHING),
    "8 reset and dose at one time": (2, [(10, 3), (10, 1, 100, 1)], SINGLE),
    "9 the same without a lag": (0, [(10, 1, 100, 1), (10, 3)], NOTHING),
    "10 the same without a lag": (
        0, [(10, 3), (10, 1, 100, 1)],
        {10.5: 0.35228907258241909, 12.5: 1.3726725642064916, 14: 1.8226261491241940, 20: 2.1712392153451865},
    ),
    "12 reset in an infusion": (0, [(9, 1, 100, 1, 25), (10, 3)], {9.5: 0.022483739437045538, **NOTHING}),
    "13 steady state with a lag, reset": (11, [(10, 1, 100, 1, 0, 12, 1), (15, 3)], {16: 0, 22: 0, 30: 0}),
    "14 steady state with a lag": (
        11, [(10, 1, 100, 1, 0, 12, 1)],
        {10: 3.9551518979304232, 16: 4.3707407381421977, 22: 3.9551518979304241, 30: 4.0684173239887640},
    ),
    "15 dose, reset and dose at one time": (2, [(10, 1, 100, 1), (10, 4, 100, 1)], SINGLE),
    "18 lagged infusion, reset": (5, [(9, 1, 100, 1, 50), (10, 3)], NOTHING),
    "19 lagged infusion": (
        5, [(9, 1, 100, 1, 50)],
        {14: 0, 15: 0.17259246855592567, 16: 0.63610455323725967, 20: 2.0010319279496036},
    ),
    "20 reset when it arrives": (2, [(8, 1, 100, 1), (10, 3)], NOTHING),
    "21 reset and dose when it arrives": (2, [(8, 1, 100, 1), (10, 4, 100, 1)], SINGLE),
    "22 lag longer than the interval, reset": (13, [(10, 1, 100, 1, 0, 12, 1), (15, 3)], {16: 0, 22: 0, 24: 0}),
    "23 lag longer than the interval": (
        13, [(10, 1, 100, 1, 0, 12, 1)],
        {10: 2.8439579293250596, 16: 4.5306314936372161, 22: 3.6939077991145908, 24: 3.9551518979304241,
         30: 4.3707407381421977},
    ),
}  # fmt: skip
STEADY = {
    10: 3.4946870126749054, 10.5: 3.7463032710843924, 12: 4.2613352357241316, 15: 4.5306314936372178,
    21: 3.6939077991145917, 24: 3.0926472497801702, 40: 0.86905468113407436,
}  # fmt: skip
BOLUS = {
    10: 3.5775319017333325, 10.5: 3.4030536120187427, 12: 2.9290353880666360, 15: 2.1698827845013100,
    21: 1.1908569210944255, 30: 0.48416629320909799, 40: 0.17811482537981166,
}  # fmt: skip
AFTER = {
    10: 3.4946870126749054, 10.5: 3.9901561485808221, 12: 5.1676814703342231, 15: 6.4979781950740501,
    21: 6.5537394708039916, 30: 3.1730198178741982, 40: 1.2967957554778180,
}  # fmt: skip
STOPS: dict[str, tuple[float, list[tuple[float, ...]], dict[float, float]]] = {
    "1 steady state": (0, [(10, 1, 100, 1, 0, 12, 1)], {9.5: 0, **STEADY}),
    "2 ends an infusion into the same compartment": (
        0, [(0, 1, 200, 1, 10), (10, 1, 100, 1, 0, 12, 1)],
        {5: 0.62570563172064453, 9.5: 1.6039692802659027, **STEADY},
    ),
    "3 ends an infusion into another": (
        0, [(0, 1, 200, 2, 10), (10, 1, 100, 1, 0, 12, 1)], {5: 1.9673467014368327, 9.5: 3.0662948827274938, **STEADY},
    ),
    "4 infusion and steady state at one time": (0, [(10, 1, 100, 2, 10), (10, 1, 100, 1, 0, 12, 1)], STEADY),
    "5 steady state and infusion at one time": (0, [(10, 1, 100, 1, 0, 12, 1), (10, 1, 100, 2, 10)], AFTER),
    "6 the same compartment": (0, [(10, 1, 100, 1, 10), (10, 1, 100, 1, 0, 12, 1)], STEADY),
    "7 an infusion that was over": (
        0, [(0, 1, 80, 2, 10), (10, 1, 100, 1, 0, 12, 1)], {9.5: 2.3698347648527829, **STEADY},
    ),
    "8 an infusion afterwards": (
        0, [(10, 1, 100, 1, 0, 12, 1), (12, 1, 100, 2, 10)],
        {10: 3.4946870126749054, 12: 4.2613352357241316, 13: 4.9191183142328265, 21: 6.6610595004115964,
         22.5: 6.4004725754497684, 30: 3.4304494076782248},
    ),
    "9 ended by a second steady state": (
        0, [(10, 1, 100, 1, 0, 12, 1), (15, 1, 200, 2, 10), (22, 1, 100, 1, 0, 12, 1)],
        {15: 4.5306314936372178, 21: 5.9498496186444587, 22: 3.4946870126749054, 25: 4.4433054044126212,
         40: 2.3404553133616259},
    ),
    "10 a steady state of infusions": (
        0, [(0, 1, 200, 2, 10), (10, 1, 100, 2, 20, 12, 1)],
        {10: 2.7960714580494930, 13: 4.6631984756339850, 15: 5.6305964689280916, 21: 3.0901368602976733,
         40: 0.46218750340369175},
    ),
    "12 a lagged infusion that has not begun": (4, [(8, 1, 100, 2, 10), (10, 1, 100, 1, 0, 12, 1)], STEADY),
    "13 a lagged infusion in progress": (
        4, [(4, 1, 100, 2, 10), (10, 1, 100, 1, 0, 12, 1)], {9.5: 0.69646011787471096, **STEADY},
    ),
    "14 one steady state after another, lagged": (
        4, [(10, 1, 100, 2, 10, 12, 1), (11, 1, 100, 1, 0, 12, 1)],
        {10: 4.4172234665610279, 10.5: 4.4456458134843251, 11: 3.4946870126749054, 12: 3.9551518979304285,
         15: 4.5261261744327310, 40: 0.94914201828921418},
    ),
    "15 a lagged steady state of infusions": (
        4, [(10, 1, 100, 2, 10, 12, 1)],
        {10: 4.4172234665610279, 12: 4.5228629299013345, 13: 4.0924556156224785, 15: 3.8264321779370101,
         24: 4.5228629299013345, 25: 4.0924556156224785, 40: 0.91315027691418460},
    ),
    "20 an infusion of modelled duration": (
        0, [(5, 1, 100, 1, -2), (10, 1, 50, 2, 0, 12, 1)], {9.5: 0.65892741468611438, **BOLUS},
    ),
    "22 modelled, then steady state at one time": (0, [(10, 1, 100, 1, -2), (10, 1, 50, 2, 0, 12, 1)], BOLUS),
    "23 steady state, then modelled at one time": (
        0, [(10, 1, 50, 2, 0, 12, 1), (10, 1, 100, 1, -2)],
        {10: 3.5775319017333325, 10.5: 3.4142954817372653, 13: 2.9803110753641260, 21: 3.2701377020249027,
         40: 0.99998937698865187},
    ),
}  # fmt: skip


def oral(lagged: str) -> Model:
    """CL 2, V 20, ka 0.15; the lag acts on doses into one compartment, the modelled duration on the first."""
    return define(
        {"G": "-KA*G", "A": "KA*G - CL/V*A"}, {"CL": 2.0, "V": 20.0, "KA": 0.15, "D1": 8.0}, outputs={"C": "A/V"},
        doses={"oral": "G", "bolus": "A", "infusion": "A"}, lag={lagged: "LAG"}, infusion_duration={"G": "D1"},
        covariates=("LAG",),
    )  # fmt: skip


def table_of(lag: float, events: list[tuple[float, ...]], answers: dict[float, float]) -> pandas.DataFrame:
    """Event records, then observations at the times of the answers, in order of time."""
    names = ["TIME", "EVID", "AMT", "CMT", "RATE", "II", "SS"]
    rows = [dict(zip(names, [*event, *[0] * 7][:7], strict=True)) for event in events]
    rows += [{**dict.fromkeys(names, 0), "TIME": time} for time in answers]
    return pandas.DataFrame(sorted(rows, key=lambda row: row["TIME"])).assign(ID=1, LAG=lag)


def check(model: Model, lag: float, events: list[tuple[float, ...]], answers: dict[float, float], linear: str,
          rtol: float = 1e-8) -> None:  # fmt: skip
    found = predict(model, read_nonmem(table_of(lag, events, answers)), linear=linear)
    got = found.loc[found["kind"] == "question"].set_index("clock")["C"]
    wanted = pandas.Series(answers)[got.index].to_numpy(float)
    np.testing.assert_allclose(got.to_numpy(), wanted, rtol=rtol, atol=1e-8)


@pytest.mark.parametrize("linear", ["closed form", "ode"])
@pytest.mark.parametrize("name", list(RESETS))
def test_resets_and_lags(name: str, linear: str) -> None:
    check(oral("G"), *RESETS[name], linear, 1e-8 if linear == "closed form" else 1e-6)


@pytest.mark.parametrize("linear", ["closed form", "ode"])
@pytest.mark.parametrize("name", list(STOPS))
def test_a_steady_state_ends_what_is_going_on(name: str, linear: str) -> None:
    check(oral("A"), *STOPS[name], linear, 1e-8 if linear == "closed form" else 1e-6)


INTEGRATED: dict[str, tuple[float, list[tuple[float, ...]], dict[float, float]]] = {
    "infusion, short lag": (
        0.2, [(0, 1, 600, 1, 100, 12, 1)],
        {0: 2.4092, 0.5: 2.7623, 2: 4.6382, 6: 7.5908, 7.5: 5.9257, 11: 2.9426, 18: 0.72564, 23: 0.26695},
    ),
    "infusion that still runs at the record": (
        8, [(0, 1, 600, 1, 100, 12, 1)],
        {0: 6.5468, 0.5: 6.8754, 2: 7.6852, 3: 6.2921, 7.5: 2.5582, 8.5: 3.0461, 14: 7.6852, 18: 3.4532, 23: 1.2704},
    ),
    "infusion, lag longer than the interval": (
        14, [(0, 1, 600, 1, 100, 12, 1)],
        {0: 2.3148, 0.5: 3.0461, 2: 4.8484, 6: 7.6852, 7.5: 8.2852, 8.5: 7.6444, 11: 4.6366, 14: 2.5446, 18: 6.6501,
         23: 4.2557},
    ),
    "dose, short lag": (3, [(0, 1, 600, 1, 0, 12, 1)], {0: 2.1815, 2: 1.4623, 4: 10.805, 13: 1.7861, 26: 0.13266}),
    "dose, lag longer than the interval": (
        15, [(0, 1, 600, 1, 0, 12, 1)], {0: 13.197, 1: 10.805, 8: 2.6645, 14.5: 0.72615, 16: 10.363, 26: 1.4024},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(INTEGRATED))
def test_steady_state_with_a_lag_in_a_model_that_is_integrated(name: str) -> None:
    """Elimination that would saturate at 1e13: for NONMEM ADVAN13, whose record stands just after an arrival."""
    model = define(
        {"A": "-CL/V*A/(1 + A/1e13)"}, {"CL": 10.0, "V": 50.0}, outputs={"C": "A/V"},
        doses={"bolus": "A", "infusion": "A"}, lag={"A": "LAG"}, covariates=("LAG",),
    )  # fmt: skip
    check(model, *INTEGRATED[name], "closed form", 1e-4)


@pytest.mark.parametrize("linear", ["closed form", "ode"])
@pytest.mark.parametrize("name", [*RESETS, *STOPS])
def test_the_engine_alone(name: str, linear: str) -> None:
    """The same cases as doses in the package's words, without the reader."""
    lag, events, expected = RESETS.get(name) or STOPS[name]
    model = oral("G" if name in RESETS else "A")
    full = [(*event, *[0] * 7)[:7] for event in events]
    doses = [
        Dose(
            time, amount, "infusion" if rate else "bolus", rate=max(rate, 0.0), modelled="duration" if rate < 0 else "",
            into={0: "", 1: "G", 2: "A"}[int(cmt)], interval=interval, steady_state="instead" if steady else "",
            reset=evid in (3, 4),
        )
        for time, evid, amount, cmt, rate, interval, steady in full
    ]  # fmt: skip
    values, times = np.array([[2.0, 20.0, 0.15, 8.0, lag]]), np.array([*expected], dtype=float)
    code = compile_model(model, linear=linear)
    plan = code.schedule(values, [doses], [times], [np.ones(len(times), dtype=bool)])
    found = code.run(values, plan).outputs[:, 0]
    rtol = 1e-8 if linear == "closed form" else 1e-6
    np.testing.assert_allclose(found, [*expected.values()], rtol=rtol, atol=1e-8)


WEIGHED = {
    0.2: [2.4092, 2.7623, 3.2551, 3.6717, 4.0237, 4.5728, 5.4454, 3.5377, 2.5272, 2.2867, 1.8722, 1.5328, 0.84123,
          0.37799, 0.13905],
    8.0: [6.5468, 6.8754, 6.7315, 6.6100, 6.5072, 4.6485, 1.6946, 1.0232, 1.6514, 2.4458, 3.8152, 4.9363, 7.2210,
          3.2446, 1.1936],
    14.0: [2.3148, 3.0461, 3.4950, 3.8744, 4.1951, 4.6952, 5.4900, 5.6707, 4.8289, 4.3694, 3.5774, 2.9289, 1.6074,
           6.2290, 4.1008],
}  # fmt: skip


@pytest.mark.parametrize("lag", list(WEIGHED))
def test_a_steady_state_of_infusions_with_a_lag_and_a_weight_that_changes(lag: float) -> None:
    """The steady state has the weight of its own record; what follows has that of the record at its end."""
    model = define(
        {"A": "-CL*(WT/70)**0.75/V*A/(1 + A/1e13)"}, {"CL": 10.0, "V": 50.0}, outputs={"C": "A/V"},
        doses={"bolus": "A", "infusion": "A"}, lag={"A": "LAG"}, covariates=("LAG", "WT"),
    )  # fmt: skip
    times = [0, 0.5, 1, 1.5, 2, 3, 6, 7.5, 8.5, 9, 10, 11, 14, 18, 23]
    table = pandas.DataFrame({"ID": 1, "TIME": times, "LAG": lag, "AMT": 0, "RATE": 0, "II": 0, "SS": 0, "CMT": 1})
    table["EVID"] = [2 if time in (1, 9) else 0 for time in times]
    table["WT"] = [140 if 1 <= time < 9 else 70 for time in times]
    table.loc[0, ["EVID", "AMT", "RATE", "II", "SS"]] = [1, 600, 100, 12, 1]
    np.testing.assert_allclose(predict(model, read_nonmem(table))["C"], WEIGHED[lag], rtol=1e-4)


@pytest.mark.parametrize("linear", ["closed form", "ode"])
def test_a_lagged_dose_arrives_while_the_weight_of_the_next_record_holds(linear: str) -> None:
    model = define(
        {"G": "-KA*(WT/70)**0.75*G", "A": "KA*(WT/70)**0.75*G - CL*(WT/70)**0.75/V*A"},
        {"CL": 10.0, "V": 50.0, "KA": 1.0}, outputs={"C": "A/V"}, doses={"oral": "G"}, lag={"G": "0.7"},
        covariates=("WT",),
    )  # fmt: skip
    rows = [
        (0, 1, 70, 0), (1, 0, 140, 0.75058), (1.5, 0, 140, 1.2591), (2, 0, 140, 1.3337), (3, 0, 140, 1.1011),
        (4, 0, 150, 0.80044), (5, 0, 150, 0.56641), (6, 1, 150, 0.39826), (7, 0, 75, 0.84689), (7.5, 0, 75, 1.3262),
        (8, 0, 75, 1.5268), (10, 0, 75, 1.3419), (12, 0, 80, 0.90361), (16, 0, 80, 0.37661), (24, 0, 80, 0.064260),
    ]  # fmt: skip
    table = pandas.DataFrame(rows, columns=["TIME", "EVID", "WT", "PRED"])
    table = table.assign(ID=1, AMT=100 * table["EVID"], CMT=1)
    found = predict(model, read_nonmem(table.drop(columns="PRED")), linear=linear)["C"]
    np.testing.assert_allclose(found, table["PRED"], rtol=1e-4)

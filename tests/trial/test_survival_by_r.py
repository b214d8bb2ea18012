"""Survival by R on more public data: ties, strata, levels, missing values, every transform and interval, landmark.

R 4.2.2, survival 3.5-3; every number below was printed by the command above it. ``control = coxph.control(eps = 1e-11,
iter.max = 60)``, so that R's estimates hold to the digits; ``colon`` is ``subset(survival::colon, etype == 2)``.
"""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from pkpd.errors import DataWarning
from pkpd.trial import CoxFit, cox, kaplan_meier, landmark, log_rank
from tests.trial.survival_data import colon, jasa, pbc, veteran

COLON, PBC = ["rx", "sex", "age", "nodes", "differ"], ["age", "sex", "edema", "log_bili", "albumin", "protime"]

# coxph(Surv(time, status) ~ rx + sex + age + nodes + factor(differ), colon, ties = …): coef, sqrt(diag(vcov)), loglik
# coxph(Surv(time, status == 2) ~ age + sex + factor(edema) + log(bili) + albumin + protime, pbc, ties = …)
# coxph(Surv(time, status) ~ trt + karno + age + prior + strata(celltype), veteran, ties = …)
FITS = {
    ("colon", "Efron"): (
        [-0.30600991, 0.09611480, -0.03735753, 0.00605042, 0.08785300, -0.04748105, 0.27992024],
        [0.12446220, 0.11391361, 0.09709542, 0.00409321, 0.00918248, 0.16751171, 0.19506318],
        [-2767.9114278, -2722.9161428]),
    ("colon", "Breslow"): (
        [-0.30598855, 0.09594516, -0.03732535, 0.00604341, 0.08779970, -0.04745872, 0.28005879],
        [0.12446109, 0.11391041, 0.09709535, 0.00409291, 0.00918152, 0.16751160, 0.19505746],
        [-2767.9757299, -2723.0127628]),
    ("pbc", "Efron"): (
        [0.03940434, 0.20175761, 0.32081462, 1.08179171, 0.86196670, -0.76753639, 0.17306416],
        [0.00793876, 0.23449398, 0.22839339, 0.28915303, 0.08342653, 0.20951868, 0.06163297],
        [-866.9572967, -751.7847624]),
    ("pbc", "Breslow"): (
        [0.03939382, 0.20230530, 0.32013537, 1.08021872, 0.86146352, -0.76506006, 0.17299050],
        [0.00793862, 0.23448392, 0.22841417, 0.28939521, 0.08343783, 0.20947411, 0.06165169],
        [-866.9729616, -751.9220523]),
    ("veteran", "Efron"): (
        [0.27479295, -0.03776270, -0.01132944, 0.01289098], [0.20811910, 0.00578310, 0.00977225, 0.02120253],
        [-338.7362072, -316.6760568]),
    ("veteran", "Breslow"): (
        [0.26979692, -0.03746808, -0.01123667, 0.01245422], [0.20787668, 0.00577023, 0.00977369, 0.02118625],
        [-339.1415984, -317.3494800]),
}  # fmt: skip
# cox.zph(fit, transform = …)$table[, "chisq"] of the fits by Efron; "log" is transform = log
TESTS = {
    ("colon", "km"): [2.980946, 0.378546, 1.211884, 0.125897, 16.082093, 21.018515],
    ("colon", "log"): [4.910879, 0.188123, 2.125473, 0.230567, 20.835584, 28.892198],
    ("pbc", "rank"): [0.000649, 1.253575, 3.504530, 0.310542, 0.787658, 9.071974, 13.183977],
    ("pbc", "identity"): [0.036205, 1.423351, 3.649337, 0.622476, 1.076891, 8.223817, 13.142039],
    ("veteran", "km"): [0.012648, 6.578707, 2.423861, 1.281914, 13.948875],
    ("veteran", "rank"): [0.013754, 6.963624, 2.338756, 1.331852, 14.436504],
}  # fmt: skip


def _fit(name: str, ties: str) -> CoxFit:
    if name == "colon":
        return cox(colon(), COLON, ties=ties, reference={"differ": 1})
    if name == "pbc":
        return cox(pbc(), PBC, ties=ties, reference={"edema": 0})
    return cox(veteran(), ["trt", "karno", "age", "prior"], ties=ties, strata="celltype")


@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
@pytest.mark.parametrize(("name", "ties"), FITS)
def test_cox(name: str, ties: str) -> None:
    fit = _fit(name, ties)
    estimates, se, likelihoods = FITS[name, ties]
    np.testing.assert_allclose(fit.estimates, estimates, atol=1.5e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), se, atol=1.5e-8)
    np.testing.assert_allclose([fit.null_log_likelihood, fit.log_likelihood], likelihoods, atol=1e-7)


@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
@pytest.mark.parametrize(("name", "transform"), TESTS)
def test_proportional_hazards(name: str, transform: str) -> None:
    table = _fit(name, "Efron").proportional_hazards(transform)
    np.testing.assert_allclose(table["chi_square"], TESTS[name, transform], atol=2e-6)
    assert (
        table["df"].tolist()
        == {
            "colon": [2, 1, 1, 1, 2, 7],
            "pbc": [1, 1, 2, 1, 1, 1, 7],
            "veteran": [1, 1, 1, 1, 4],
        }[name]
    )


def test_rows_without_a_covariate_are_counted() -> None:
    """R: n= 888, number of events= 430 (41 observations deleted due to missingness)."""
    with pytest.warns(DataWarning, match=r"41 of 929 rows lack a covariate \(nodes, differ\)"):
        fit = cox(colon(), COLON, reference={"differ": 1})
    assert (fit.patients, fit.events, fit.dropped) == (888, 430, 41)


# summary(survfit(Surv(time, status) ~ rx, colon, conf.type = …), times = c(365, 1095, 2500)): n.risk, surv, std.err of
# Lev, Lev+5FU, Obs; then lower, upper by the three scales
CURVE = [
    [281, 0.906451612903, 0.0165390141268], [195, 0.629032258065, 0.0274361826308],
    [58, 0.485113801080, 0.0292022004418],
    [279, 0.917763157895, 0.0157565717185], [226, 0.743421052632, 0.0250490434170],
    [65, 0.588224329161, 0.0295900909578],
    [292, 0.923809523810, 0.0149481099860], [205, 0.653151598804, 0.0268537106358],
    [50, 0.455207786285, 0.0298268725443],
]  # fmt: skip
LIMITS = {
    "plain": [[0.874035740875, 0.938867484931], [0.575258328235, 0.682806187894], [0.427878539945, 0.542349062215],
              [0.886880844807, 0.948645470983], [0.694325829687, 0.792516275576], [0.530228816584, 0.646219841737],
              [0.894511766600, 0.953107281019], [0.600519293106, 0.705783904501], [0.396748190327, 0.513667382243]],
    "log": [[0.874608509505, 0.939454073000], [0.577492687411, 0.685171587989], [0.431125978479, 0.545862257776],
            [0.887394653439, 0.949170936206], [0.695911839498, 0.794173672767], [0.532996137861, 0.649175175649],
            [0.894971469619, 0.953576806918], [0.602584071307, 0.707962641785], [0.400346333871, 0.517587176810]],
    "log-log": [[0.868179366688, 0.934032942732], [0.572667822300, 0.680106930493], [0.426765024418, 0.540907070493],
                [0.880719070867, 0.943669186210], [0.690413313786, 0.788761838960], [0.527822546953, 0.643604923644],
                [0.888476098763, 0.948272998200], [0.597706890008, 0.702909181083], [0.395938075269, 0.512472577423]],
}  # fmt: skip


@pytest.mark.parametrize("interval", LIMITS)
def test_curves_of_three_arms(interval: str) -> None:
    at = kaplan_meier(colon(), by="rx", interval=interval).at([365, 1095, 2500])
    assert at["group"].tolist() == ["Lev"] * 3 + ["Lev+5FU"] * 3 + ["Obs"] * 3
    np.testing.assert_allclose(at[["at_risk", "survival", "se"]], CURVE, atol=1e-12)
    np.testing.assert_allclose(at[["low", "high"]], LIMITS[interval], atol=1e-12)


def test_medians_and_restricted_means_by_sex() -> None:
    """summary(survfit(Surv(time, status == 2) ~ sex, pbc, conf.type = …), rmean = 3000)$table."""
    km = kaplan_meier(pbc(), by="sex")
    assert km.median()[["time", "low", "high"]].to_numpy().tolist() == [[3445, 3170, 3853], [2386, 1360, 4079]]
    other = kaplan_meier(pbc(), by="sex", interval="log").median()
    np.testing.assert_equal(other[["time", "low", "high"]].to_numpy(), [[3445, 3170, np.nan], [2386, 1536, np.nan]])
    mean = km.restricted_mean(3000)
    np.testing.assert_allclose(mean["mean"], [2307.83023110, 2068.43592387], atol=1e-8)
    np.testing.assert_allclose(mean["se"], [53.4846438144, 155.5282662279], atol=1e-9)


def test_a_limit_that_rises_again_is_read_where_it_first_reaches_one_half() -> None:
    """The upper log limit need not fall: R has its first crossing in summary(fit)$table (22), not in quantile (27)."""
    time = [1, 2, 3, 5, 6, 7, 8, 9, 14, 16, 17, 18, 20, 21, 22, 24, 27, 29]
    event = [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1]
    km = kaplan_meier({"duration": time, "event": event}, interval="log")
    assert km.median()[["time", "low", "high"]].to_numpy().tolist() == [[16, 8, 22]]


def test_log_rank_of_several_groups_and_strata() -> None:
    """survdiff(Surv(time, status) ~ rx, colon), ~ celltype of veteran, ~ rx + strata(sex) of colon: chisq, exp."""
    cells = {"adeno": 15.693765, "large": 34.549478, "smallcell": 30.102079, "squamous": 47.654678}
    arms = {"Lev": 146.079254, "Lev+5FU": 157.492558, "Obs": 148.428188}
    by_sex = {"Lev": 146.437041, "Lev+5FU": 157.547611, "Obs": 148.015348}
    for table, by, strata, chi_square, expected in (
        (colon(), "rx", None, 11.68309271, arms),
        (veteran(), "celltype", None, 25.40370035, cells),
        (colon(), "rx", "sex", 11.76705404, by_sex),
    ):
        found = log_rank(table, by, strata=strata)
        np.testing.assert_allclose(found["chi_square"], chi_square, atol=1e-8)
        assert dict(zip(found["group"], found["expected"], strict=True)) == pytest.approx(expected, abs=1e-6)


def test_weighted_log_rank_by_its_definition_in_r() -> None:
    """R has no Gehan–Breslow test; U'V⁻¹U with weights n and √n and the hypergeometric V, written out in R."""
    for weights, chi_square in (("Gehan-Breslow", 19.43312636), ("Tarone-Ware", 22.57284251)):
        found = log_rank(veteran(), "celltype", weights=weights)
        np.testing.assert_allclose(found["chi_square"], chi_square, atol=1e-8)


def test_landmark_at_30_days_after_acceptance_for_a_heart() -> None:
    """``L <- subset(jasa, futime > 30); L$g <- !is.na(L$wait.time) & L$wait.time <= 30; L$t <- L$futime - 30``.

    survdiff(Surv(t, fustat) ~ g, L): 0.09799620; coxph(Surv(t, fustat) ~ g + age, L).
    """
    with pytest.warns(DataWarning, match="25 of 103 patients had left by 30"):
        found = landmark(jasa(), 30)
    assert found["group"].value_counts().to_dict() == {"no": 43, "yes": 35}
    np.testing.assert_allclose(log_rank(found, "group")["chi_square"], 0.09799620, atol=1e-8)
    fit = cox(found, ["group", "age"])
    np.testing.assert_allclose(fit.estimates, [-0.13349646, 0.03763902], atol=1.5e-8)
    np.testing.assert_allclose(fit.log_likelihood, -191.8023305, atol=1e-7)
    medians = kaplan_meier(found, by="group").median()[["time", "low", "high"]]
    assert medians.to_numpy().tolist() == [[188, 71, 553], [312, 47, 965]]


def test_data_are_those_of_r() -> None:
    sizes = {name: (len(table), int(pandas.Series(table["event"]).sum()))
             for name, table in (("colon", colon()), ("pbc", pbc()), ("jasa", jasa()))}  # fmt: skip
    assert sizes == {"colon": (929, 452), "pbc": (418, 161), "jasa": (103, 75)}

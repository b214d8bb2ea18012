"""Logistic and proportional-odds models by R on public data: levels, missing values, standard errors, intervals, p.

R 4.2.2, MASS 7.3-58.2. ``glm(…, binomial, control = glm.control(epsilon = 1e-14, maxit = 60))``: coef,
sqrt(diag(vcov)), summary(fit)$coef[, 4], logLik, exp(confint.default). ``polr(…, Hess = TRUE, control = list(reltol =
1e-15))``: coef, zeta, sqrt(diag(vcov)), logLik. polr's optimum is that of optim, to about 1e-6.
"""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from pkpd.errors import DataWarning
from pkpd.trial import LogisticFit, logistic, ordinal
from tests.trial.exposure_response.published import birthwt, housing, infert
from tests.trial.survival_data import pbc

# glm(low ~ age + lwt + factor(race) + smoke + ptl + ht + ui, binomial, MASS::birthwt)
BIRTHWT = {
    "coef": [0.46440328, -0.02706978, -0.01518256, 1.26321938, 0.86163511, 0.92334916, 0.54175512, 1.83369561,
             0.75859650],
    "se": [1.20470211, 0.03645261, 0.00692790, 0.52646774, 0.43919749, 0.40085832, 0.34626656, 0.69176999, 0.45939182],
    "p": [0.69987277, 0.45772276, 0.028414954, 0.016420885, 0.049781142, 0.021254649, 0.11768591, 0.0080317969,
          0.098676093],
    "low": [0.150052587289, 0.906181564714, 0.971648658764, 1.260314841009, 1.000824180508, 1.147609744463,
            0.872044458563, 1.612605747834, 0.867799206445],
    "high": [16.870660189084, 1.045375375442, 0.998397162236, 9.925202084552, 5.598207034204, 5.523529279441,
             3.388627969684, 24.277254234043, 5.253990738374],
}  # fmt: skip
# glm(case ~ age + parity + education + spontaneous + induced, binomial, infert)
INFERT = {
    "intercept": [-1.14923654, 1.41220934, 0.41576742], "age": [0.03958200, 0.03120281, 0.20460529],
    "parity": [-0.82827738, 0.19649389, 2.494651e-05],
    "education: 6-11yrs": [-1.04424358, 0.79255907, 0.18765121],
    "education: 12+ yrs": [-1.40320509, 0.83416621, 0.092536874],
    "spontaneous": [2.04590502, 0.31016332, 4.2177754e-11], "induced": [1.28875738, 0.30146619, 1.9116737e-05],
}  # fmt: skip


def _se(fit: LogisticFit) -> np.ndarray:
    return np.sqrt(np.diag(fit.covariance))


def test_birth_weights() -> None:
    fit = logistic(birthwt(), "low", ["age", "lwt", "race", "smoke", "ptl", "ht", "ui"], reference={"race": 1})
    assert fit.names[3:5] == ("race: 2", "race: 3")
    np.testing.assert_allclose(fit.estimates, BIRTHWT["coef"], atol=1e-8)
    np.testing.assert_allclose(_se(fit), BIRTHWT["se"], atol=1e-8)
    np.testing.assert_allclose(fit.p, BIRTHWT["p"], rtol=1e-7)
    np.testing.assert_allclose(fit.log_likelihood, -100.71347560, atol=1e-8)
    np.testing.assert_allclose(fit.table()[["low", "high"]].T, [BIRTHWT["low"], BIRTHWT["high"]], rtol=1e-8)


def test_levels_in_words() -> None:
    fit = logistic(infert(), "case", ["age", "parity", "education", "spontaneous", "induced"])
    found = dict(zip(fit.names, zip(fit.estimates, _se(fit), fit.p, strict=True), strict=True))
    assert found.keys() == INFERT.keys()
    for name, (estimate, se, p) in INFERT.items():
        assert found[name] == (
            pytest.approx(estimate, abs=1e-8), pytest.approx(se, abs=1e-8), pytest.approx(p, rel=1e-6)
        )  # fmt: skip
    np.testing.assert_allclose(fit.log_likelihood, -128.89884510, atol=1e-8)


def test_missing_values() -> None:
    """glm((status == 2) ~ log(bili) + protime + sex, binomial, survival::pbc): 2 observations deleted."""
    with pytest.warns(DataWarning, match=r"2 of 418 rows lack a covariate \(protime\)"):
        fit = logistic(pbc(), "event", ["log_bili", "protime", "sex"])
    np.testing.assert_allclose(fit.estimates, [-7.95367655, 1.03018864, 0.63029783, 0.49597637], atol=1e-8)
    np.testing.assert_allclose(_se(fit), [1.52032469, 0.13585513, 0.14240537, 0.35300920], atol=1e-8)
    np.testing.assert_allclose(fit.log_likelihood, -210.93050091, atol=1e-8)
    assert (fit.patients, fit.dropped) == (416, 2)


def test_stages_of_cirrhosis() -> None:
    """polr(factor(stage) ~ log(bili) + albumin + sex, survival::pbc): n 412, 6 without a stage."""
    with pytest.warns(DataWarning, match="6 of 418 rows have no 'stage'"):
        fit = ordinal(pbc(), "stage", ["log_bili", "albumin", "sex"])
    np.testing.assert_allclose(fit.estimates, [0.46493432, -1.17572940, -0.01682598], atol=2e-6)
    np.testing.assert_allclose(fit.thresholds, [-7.02601067, -4.97920844, -3.18073985], atol=5e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), [0.10209264, 0.24538712, 0.30809811], atol=2e-6)
    np.testing.assert_allclose(fit.log_likelihood, -470.11812227, atol=1e-8)
    assert fit.counts == (21, 92, 155, 144)


def test_thresholds_and_errors_of_housing() -> None:
    """polr(Sat ~ Infl + Type + Cont, MASS::housing, weights = Freq, Hess = TRUE)."""
    fit = ordinal(housing(), "Sat", ["Infl", "Type", "Cont"], order=["Low", "Medium", "High"],
                  reference={"Infl": "Low", "Type": "Tower", "Cont": "Low"})  # fmt: skip
    se = {"Infl: Medium": 0.10465278439, "Infl: High": 0.12715614769, "Type: Apartment": 0.11923801191,
          "Type: Atrium": 0.15517333641, "Type: Terrace": 0.15148602253, "Cont: High": 0.09553579775}  # fmt: skip
    found = dict(zip(fit.names, np.sqrt(np.diag(fit.covariance)), strict=True))
    assert found == pytest.approx(se, rel=1e-6)
    np.testing.assert_allclose(fit.thresholds, [-0.4961351384, 0.6907082601], atol=1e-7)
    table = fit.table().set_index("covariate")
    reach = 1.959963984540054 * se["Cont: High"]
    assert table.loc["Cont: High", "low"] == pytest.approx(np.exp(0.3602840043 - reach), rel=1e-6)


def test_data_are_those_of_r() -> None:
    assert (len(birthwt()), int(birthwt()["low"].sum())) == (189, 59)
    assert (len(infert()), int(pandas.Series(infert()["case"]).sum())) == (248, 83)

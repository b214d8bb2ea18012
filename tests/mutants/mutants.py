"""Seventy faults made by hand, as data: which text of which file, what stands there instead, which tests must notice.

Nobody would write these on purpose; each is a slip that reads well. `run.py` puts one after the other into a copy.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """One fault: the `old` text stands exactly once in `file`; `tests` are run with `new` in its place."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]


EXACT = ("tests/nca/test_nca_exact.py",)
RULES = ("tests/nca/test_nca_rules.py",)
BOTH = (*EXACT, *RULES)
SUMMARY = ("tests/nca/test_nca_summary.py",)
COMPARE = ("tests/nca/test_compare.py",)
SPARSE = ("tests/nca/test_sparse_reference.py", "tests/nca/test_sparse_rules.py")
LIMITS = ("tests/nca/test_limits_met_exactly.py",)
STREAMS = ("tests/simulate/test_simulate.py::test_residual_errors_do_not_repeat_the_numbers_of_the_parameters",)
TAILS = ("tests/nca/test_nca_tails.py",)
URINE = ("tests/nca/test_excretion.py",)
DENSITY = ("tests/fit/test_densities.py",)
LIKELIHOOD = ("tests/fit/test_fit_likelihood.py",)
KNOWN = ("tests/fit/test_fit_known.py",)
SAYS = ("tests/fit/test_fit_says.py",)
UNBOUNDED = ("tests/fit/test_unbounded.py::test_a_measured_0_that_is_predicted_0_is_refused_by_its_record",)
SMALL = ("tests/fit/test_unbounded.py::test_a_measured_0_of_which_something_is_predicted_is_not_meant",)
INITIAL = ("tests/fit/test_fit_initial.py",)
NONMEM = ("tests/engine/test_nonmem_events.py",)
AT_ONCE = ("tests/engine/test_lines_at_once.py",)
ONE_TIME = ("tests/engine/test_timeline.py::test_between_a_dose_and_a_reset_at_its_time",)
GRADIENTS = ("tests/fit/mixed/test_features.py::test_gradients_are_exact",)
MULTIPLIED = ("tests/engine/test_timeline.py::test_amounts_that_are_replaced_and_multiplied",)

NCA = "pkpd/nca/kernel/"
AFTER = "pkpd/nca/after/"
FIT = "pkpd/fit/"
MIXED = "pkpd/fit/mixed/"
LINE = "pkpd/engine/timeline/"

MUTANTS = (
    # The five that survived before there were tests for them.
    Mutant("pkpd/simulate/run.py", "stream(self.seed, replicate, piece.block, ERRORS)",
           "stream(self.seed, replicate, piece.block, PARAMETERS)", STREAMS),
    Mutant(NCA + "tobit.py", "z[seen], -mills", "z[seen], mills", LIMITS),
    Mutant("pkpd/nca/study/excretion.py", "whole = from_start & (parts.gap", "whole = (parts.gap", URINE),
    Mutant("pkpd/io/observations.py", '["value"].mean(skipna=False)', '["value"].median(skipna=False)',
           ("tests/io/test_read_study.py",)),
    Mutant(NCA + "accept.py", "values >= limit if least", "values > limit if least", LIMITS),
    # Areas.
    Mutant(NCA + "areas.py", "area = dt * (0.5 * c1 + 0.5 * c2)", "area = dt * (0.5 * c1 + 0.5 * c1)", EXACT),
    Mutant(NCA + "areas.py", "moment = dt * (0.5 * t1 * c1 + 0.5 * t2 * c2)",
           "moment = dt * (0.5 * t1 * c1 + 0.5 * t1 * c2)", EXACT),
    Mutant(NCA + "areas.py", "found: Flags = both & (c[1:] < c[:-1])", "found: Flags = both & (c[1:] <= c[:-1])", BOTH),
    Mutant(NCA + "areas.py", "(np.arange(len(both))[:, None] >= top)", "(np.arange(len(both))[:, None] > top)", TAILS),
    Mutant(NCA + "areas.py", "log_moment = t1 * log_area + dt * dt", "log_moment = t1 * log_area + dt", EXACT),
    Mutant(NCA + "exposure.py", "0.0, of.clast_pred / of.fit.rate", "0.0, of.clast / of.fit.rate", TAILS),
    Mutant(NCA + "exposure.py", "0.0, end * tail + tail / of.fit.rate", "0.0, end * tail", EXACT),
    Mutant(NCA + "partial.py", "np.where(endless, start * rest + rest / tail.rate, moment)",
           "np.where(endless, start * rest, moment)", TAILS),
    Mutant(NCA + "partial.py", "start = np.maximum(a, since)", "start = np.maximum(since, since)",
           TAILS),
    Mutant(NCA + "partial.py", 'level = tail.observed if kind == "obs" else tail.predicted',
           'level = tail.predicted if kind == "obs" else tail.observed', TAILS),
    # The terminal regression.
    Mutant(NCA + "lambda_z.py", "(1.0 - r2) * (number - 1.0)", "(1.0 - r2) * number", BOTH),
    Mutant(NCA + "lambda_z.py", "enough = valid & (score >= score.max(axis=0) - window.tolerance)",
           "enough = valid & (score >= score.max(axis=0))", BOTH),
    Mutant(NCA + "lambda_z.py", "(number <= window.maximal)", "(number < window.maximal)", BOTH),
    Mutant(NCA + "regression.py", "return log_clast + of.fit.level + of.fit.rate * of.tlast",
           "return log_clast + of.fit.level + of.fit.rate * of.fit.end", TAILS),
    Mutant(NCA + "points.py", "np.where(with_top, block.top, block.top + 1)",
           "np.where(with_top, block.top, block.top)",
           BOTH),
    Mutant(NCA + "points.py", '1.0 if rules.lambda_z_weights == "1/y" else 2.0',
           '2.0 if rules.lambda_z_weights == "1/y" else 1.0', TAILS),
    # What follows from areas and regression.
    Mutant(NCA + "disposition.py", "moment[0] / area[0] - of.half_infusion", "moment[0] / area[0]", EXACT),
    Mutant(NCA + "disposition.py", "return value / of.fit.rate, first(code", "return value * of.fit.rate, first(code",
           EXACT),
    Mutant(NCA + "steady.py", "-1.0 / np.expm1(-of.fit.rate * of.block.tau)",
           "1.0 / np.expm1(of.fit.rate * of.block.tau)",
           TAILS),
    Mutant(NCA + "steady.py", 'return _percent(of.once(highest), of["ctau"], of["cavg"])',
           'return _percent(of.once(highest), of.scaled("cmin"), of["cavg"])', TAILS),
    Mutant(NCA + "steady.py", "moment[0] + of.block.tau * (whole - area[0])", "moment[0] + of.block.tau * whole",
           TAILS),
    # BLQ.
    Mutant(NCA + "blq.py", "full = known & (place - seen == run)", "full = known & (place - seen == run + 1)", RULES),
    Mutant(NCA + "blq.py", "np.where(action == _HALF, lloq / 2", "np.where(action == _HALF, lloq", RULES),
    # Between samples.
    Mutant(NCA + "interpolation.py", "if not 0 < c[1] < c[0]:", "if not 0 <= c[1] < c[0]:",
           ("tests/nca/test_superposition.py",)),
    Mutant(NCA + "interpolation.py", "mine = (t > begin) & (t <= end)", "mine = (t >= begin) & (t <= end)",
           ("tests/nca/test_superposition.py",)),
    Mutant(NCA + "curve.py", "c[: last + 1], method", "c[: last + 1], LINEAR_LOG", ("tests/nca/test_superposition.py",
           )),
    # Summaries.
    Mutant(AFTER + "summary.py", "s = logs.std(ddof=1)", "s = logs.std(ddof=0)", SUMMARY),
    Mutant(AFTER + "summary.py", "<= most_missing * len(values)", "< most_missing * len(values)", SUMMARY),
    Mutant(AFTER + "descriptive.py", "a**2 / (n - 1) + b**2 / (m - 1)", "a**2 / (m - 1) + b**2 / (n - 1)", COMPARE),
    Mutant(AFTER + "descriptive.py", "freedom * (1 / n + 1 / m)", "freedom * (2 / (n + m))", COMPARE),
    # Densities and likelihood.
    Mutant(FIT + "row_density.py", "um, ug = -sign * per, -u * per", "um, ug = sign * per, -u * per", DENSITY),
    Mutant(FIT + "row_density.py", "square + 2 * np.log(sd)", "square + np.log(sd)", DENSITY),
    Mutant(FIT + "row_density.py", "2 * per2, np.zeros_like(z), 4 * per2,", "2 * per2, np.zeros_like(z), 2 * per2,",
           ("tests/fit/test_fit_likelihood.py::test_information_is_the_hessian_of_a_linear_model",)),
    Mutant(FIT + "row_density.py", "((BELOW, upper, 1.0), (ABOVE, lower, -1.0))",
           "((BELOW, upper, 1.0), (ABOVE, lower, 1.0))",
           DENSITY),
    Mutant(FIT + "densities.py", "extra[mine] = 2 * np.log(", "extra[mine] = -2 * np.log(", LIKELIHOOD),
    Mutant(FIT + "densities.py", "mean[2, rows] = -scale.curvature(own)", "mean[2, rows] = scale.curvature(own)",
           DENSITY),
    Mutant(FIT + "likelihood.py", "return 2 * HALF_LOG_TWO_PI * int(measured_rows(self.densities.rows).sum())",
           "return 2 * HALF_LOG_TWO_PI * int(measured_rows(self.densities.rows).size)", LIKELIHOOD),
    Mutant(FIT + "likelihood.py", "dp = density.p[:, own] * slopes[noisy]", "dp = density.p[:, own]", LIKELIHOOD),
    # Standard errors, verdict, start.
    Mutant(FIT + "fixed_effects.py", "bread @ (scores.T @ scores) @ bread * subjects / (subjects - 1)",
           "bread @ (scores.T @ scores) @ bread", KNOWN),
    Mutant(FIT + "fixed_effects.py", "return covariance * rows / degrees if degrees > 0",
           "return covariance if degrees > 0",
           KNOWN),
    Mutant(FIT + "fixed_effects.py", "best = min(minima, key=", "best = max(minima, key=",
           ("tests/fit/test_fit_newcomer.py",)),
    Mutant(FIT + "verdict.py", "covariance = 2 * (vectors / size) @ vectors.T",
           "covariance = (vectors / size) @ vectors.T",
           KNOWN),
    Mutant(FIT + "cautions.py", "np.triu(np.abs(matrix) > CORRELATED, 1)", "np.triu(matrix > 1.0, 1)", SAYS),
    Mutant(FIT + "unbounded.py", "if far - near < -_TEN * (_FAR - _NEAR):", "if far - near > -_TEN * (_FAR - _NEAR):",
           UNBOUNDED),
    Mutant(FIT + "unbounded.py", "[predicted.f == 0 for predicted", "[predicted.f <= 1.0 for predicted", SMALL),
    Mutant(FIT + "start.py", "return math.log(ka / terminal) / (ka - terminal) - peak",
           "return math.log(ka / terminal) / (ka + terminal) - peak", INITIAL),
    Mutant(FIT + "start.py", 'before = table[(table["time"] <= begin)', 'before = table[(table["time"] < begin)',
           INITIAL),
    # Time lines.
    Mutant(LINE + "deliveries.py", "np.arange(math.ceil(count) + 1), dose.interval)",
           "np.arange(math.ceil(count) + 1) + 1, dose.interval)", AT_ONCE),
    Mutant(LINE + "deliveries.py", "step.end is None and step.start[0] <= at",
           "step.end is None and step.start[0] < at",
           ONE_TIME),
    Mutant(LINE + "deliveries.py", "phase, under_way = interval - said.lag, 0",
           "phase, under_way = interval + said.lag, 0", NONMEM),
    Mutant(LINE + "deliveries.py", "(size * (whole + 1), size * whole)", "(size * whole, size * (whole + 1))", NONMEM),
    Mutant(LINE + "segments.py", "row.scale[what.state] *= what.size[0]", "row.scale[what.state] += what.size[0]",
           MULTIPLIED),
    Mutant(LINE + "segments.py", "key=lambda i: (i.time, i.rank)", "key=lambda i: (i.time, -i.rank)", AT_ONCE),
    Mutant(LINE + "at_once.py", "(~ends, moment[:, 0], given.line[what])", "(ends, moment[:, 0], given.line[what])",
           AT_ONCE),
    Mutant(LINE + "at_once.py", "total(doses.time[place], number, doses.interval[place])",
           "total(doses.time[place], number, doses.duration[place])", AT_ONCE),
    Mutant(LINE + "columns.py", 'steady_state == "" and action == "add"', 'steady_state == ""', AT_ONCE),
    Mutant(LINE + "dosing_terms.py", "bad = ~np.isfinite(numbers) | (numbers < 0)", "bad = ~np.isfinite(numbers)",
           ("tests/simulate/test_predict.py::test_a_lag_that_cannot_be_names_its_subject",)),
    # Population fits.
    Mutant(MIXED + "problem/kernels.py", "along = wf[j] * total + vf[j] * bent", "along = wf[j] * total", GRADIENTS),
    Mutant(MIXED + "marginal/laplacian.py", "+ 2.0 * curved @ effects @ inner", "+ curved @ effects @ inner",
           GRADIENTS),
    Mutant(MIXED + "problem/omega_map.py", "spot = np.ix_(where[rows], where)", "spot = np.ix_(where, where)",
           ("tests/fit/mixed/test_omega_map.py",)),
    Mutant(MIXED + "problem/shifts.py", "_ratio(above, below, parameters, covariates) * slopes[self.free[k]]",
           "_ratio(above, below, parameters, covariates)", GRADIENTS),
    Mutant(MIXED + "problem/pairs.py", "2 * k * rho * (rho * z[i] - z[1 - i])", "2 * k * rho * (rho * z[1 - i] - z[i])",
           ("tests/fit/mixed/test_pairs.py",)),
    Mutant(MIXED + "marginal/quadrature.py", "np.repeat(weights, nodes) * np.tile(weight",
           "np.tile(weights, nodes) * np.tile(weight",
           ("tests/fit/mixed/test_quadrature.py::test_grid_integrates_polynomials",)),
    Mutant(MIXED + "em/saem_kernels.py", "part = per * value * eta[s, m] * mask[i, m]",
           "part = per * value * first[i, m]",
           ("tests/fit/mixed/test_saem.py::test_linear_model_ends_at_the_closed_form",)),
    Mutant(MIXED + "problem/censoring.py", "lower = np.where(below, 0.0,", "lower = np.where(below, -np.inf,",
           ("tests/fit/mixed/test_censoring.py::test_rows_are_the_probabilities_of_the_paper",)),
)  # fmt: skip

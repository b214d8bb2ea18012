"""What a reader of a report stumbles over: units, ticks, gaps, crowds, failed fits, panels."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot as plt

import pkpd
from pkpd import plot
from pkpd.plot import marks
from pkpd.plot.profiles import pieces_of
from pkpd.plot.records import bins
from pkpd.plot.style import NumberLabels, palette, unit_text
from tests.plot.plot_cases import bolus_study, overlaps


@pytest.mark.parametrize(
    ("unit", "shown"),
    [("ug/kg", "µg/kg"), ("h*ug/mL", "h*µg/mL"), ("umol/L", "µmol/L"), ("uIU/mL", "µIU/mL"), ("10^9/L", "10⁹/L"),
     ("mg/L", "mg/L"), ("unit/mL", "unit/mL"), ("copies/ug", "copies/µg"), ("pfu/mL", "pfu/mL")],
)  # fmt: skip
def test_micro_is_written_with_its_sign(unit: str, shown: str) -> None:
    assert unit_text(unit) == shown


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [([3e5, 1e6, 3e6], ["3·10⁵", "10⁶", "3·10⁶"]), ([0.01, 1, 100], ["0.01", "1", "100"]),
     ([1e-6, 1e-5], ["10⁻⁶", "10⁻⁵"]), ([1e5, 3e5], ["100000", "300000"]), ([0.00001, 1], ["0.00001", "1"])],
)  # fmt: skip
def test_ticks_of_an_axis_are_written_in_one_way(ticks: list[float], labels: list[str]) -> None:
    assert NumberLabels().format_ticks(ticks) == labels


DAY = 24.0


@pytest.mark.parametrize(
    ("times", "given", "cuts"),
    [
        ([0, 1, 4, 24, 336, 337, 340, 360], [0, 24, 48, 72, 336], 1),  # profiles on days 1 and 15
        ([0, 24, 48, 72, 96], [0, 24, 48, 72], 0),  # troughs
        ([0, 1, 4, 24, 168, 336], [0], 0),  # a long terminal phase after one dose
        ([0, 168, 336, 672, 1008], [0, 24, 336, 672], 0),  # visits
        ([0, 1, 24, 336, 337, 360, 672, 673, 696], [0, 100, 336, 500, 672], 2),
        ([5.0], [0], 0),
    ],
)
def test_lines_break_over_days_without_samples(times: list[float], given: list[float], cuts: int) -> None:
    found = pieces_of(np.array(times, dtype=float), np.array(given, dtype=float), DAY)
    assert len(set(found.tolist())) - 1 == cuts
    back = pieces_of(np.array(times[::-1], dtype=float), np.array(given, dtype=float), DAY)
    np.testing.assert_array_equal(back[::-1], found)


@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.1])
def test_loosely_kept_times_come_out_as_planned(jitter: float) -> None:
    planned = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 24.0])
    draw = np.random.default_rng(3)
    times = (planned[None, :] + jitter * draw.uniform(0, 1, (30, 7))).ravel()
    which = np.tile(np.arange(7), 30)
    keep = draw.uniform(size=len(times)) > 0.05  # some samples are missing
    found = bins(times[keep], 30)
    assert [sorted(set(which[keep][place].tolist())) for place in found] == [[k] for k in range(7)]


def test_a_log_axis_is_not_stretched_by_predictions_for_blq() -> None:
    floor = marks.reach_of_log([1e-28, 0.0, 3.0], [0.1, 0.1, 2.9])
    assert floor == pytest.approx(0.01)
    shown, notes = marks.at_the_edge([1e-28, 0.0, 3.0], floor, "ug/L")
    np.testing.assert_allclose(shown, [0.01, 0.01, 3.0])
    assert notes == ["2 predicted below 0.01 µg/L, drawn at the edge"]


@pytest.mark.parametrize("name", ["profiles", "mean_profiles"])
def test_positive_values_get_no_room_below_zero(name: str) -> None:
    ax = getattr(plot, name)(bolus_study(12), "drug", by="level")
    assert ax.get_ylim()[0] == 0


def test_many_groups_have_colours_of_their_own() -> None:
    for count in (1, 7, 8, 21):
        colors = palette(list(range(count)))
        assert len({tuple(np.atleast_1d(c)) for c in colors.values()}) == count


def test_many_limits_are_two_lines() -> None:
    assert marks.limit_names([0.1, np.nan, 0.2], "ug/L") == {"LLOQ 0.1 µg/L": 0.1, "LLOQ 0.2 µg/L": 0.2}
    assert list(marks.limit_names(np.linspace(1, 2, 20), "")) == ["lowest LLOQ 1", "highest LLOQ 2"]


def test_groups_are_panels_with_letters_on_one_scale() -> None:
    axes = plt.subplots(1, 3, layout="constrained")[1]
    found = plot.profiles_page(bolus_study(12), axes, "drug", by="level", log=True)
    assert found is axes
    assert [ax.get_title(loc="left") for ax in axes[:2]] == ["level 50 mg, n = 6", "level 100 mg, n = 6"]
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert not axes[2].get_visible()
    assert [[t.get_text() for t in ax.texts if t.get_gid() == "panel letter"] for ax in axes] == [["A"], ["B"], []]
    plot.panel_letters(axes[1:])
    assert not [t for t in axes[1].texts if t.get_gid() == "panel letter"]


def test_names_of_twenty_groups_do_not_overlap() -> None:
    crowd = bolus_study(20)
    result = pkpd.nca(crowd, "drug").assign_coords(cohort=("profile", [f"cohort {k:02d} mg/kg" for k in range(20)]))
    ax = plot.parameter_boxes(result, "cmax", by="cohort")
    assert overlaps(ax) == []


def test_a_simulated_study_has_bands_and_its_observations() -> None:
    pk = pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=1.0, V=5.0)
    study = bolus_study(12)
    people = pkpd.Population(pk, pk.parameters, pkpd.Omega.independent(CL=0.3))
    found = pkpd.simulate(people, study, replicates=5, seed=1)
    output = str(found["output"].to_numpy()[0])
    ax = plot.bands(found, output, by=None)
    (median,) = [one for one in ax.lines if one.get_label() == "median"]
    mine = (found["time"] == 4.0).to_numpy()
    place = list(np.asarray(median.get_xdata())).index(4.0)
    assert float(np.asarray(median.get_ydata())[place]) == pytest.approx(float(np.median(found["value"][:, mine])))
    assert any(str(one.get_label()).startswith("observed (") for one in ax.lines)


def test_lent_errors_keep_the_spread_and_smooth_the_edges() -> None:
    from pkpd.plot.bands import _lend_errors

    draw = np.random.default_rng(7)
    predicted = np.exp(np.linspace(3, -3, 60))[None, :] * np.exp(0.2 * draw.standard_normal((100, 1)))
    for measured in (predicted * np.exp(0.3 * draw.standard_normal(predicted.shape)),
                     predicted + 0.5 * draw.standard_normal(predicted.shape)):  # fmt: skip
        plain, lent = (np.quantile(v, 0.95, axis=0) for v in (measured, _lend_errors(predicted, measured, 5)))
        scale = measured.std(axis=0)
        rough = [float(np.std(np.diff(q / scale.mean(), n=2)[10:])) for q in (plain, lent)]
        assert rough[1] < 0.6 * rough[0]
        assert float(np.median(lent / plain)) == pytest.approx(1.0, abs=0.08)  # 95 % quantile of 100: some 6 %

"""The λz picture shows the regression that the result holds."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot as plt

from pkpd import plot
from pkpd.errors import InputError
from pkpd.nca import lambda_z_line, nca
from pkpd.study import Study
from tests.plot.plot_cases import bolus_study, line, title


def test_line_points_and_numbers_are_those_of_the_result(study: Study) -> None:
    result = nca(study, "drug")
    ax = plot.lambda_z(result, 1)
    row, table = result.isel(profile=1), lambda_z_line(result, 1)
    drawn = line(ax, "t½")
    x, y = np.asarray(drawn.get_xdata()), np.asarray(drawn.get_ydata())
    assert (x[0], x[-1]) == (row["lambda_z_start"].item(), row["lambda_z_end"].item())
    np.testing.assert_allclose(np.diff(np.log(y)) / np.diff(x), -row["lambda_z"].item(), rtol=1e-9)
    np.testing.assert_allclose(np.log(y[0]), row["lambda_z_intercept"].item() - row["lambda_z"].item() * x[0])
    used = table[table["used"]]
    np.testing.assert_array_equal(line(ax, "used").get_xdata(), used["time"])
    assert len(used) == row["lambda_z_points"].item()
    text = str(drawn.get_label())
    assert f"t½ {row['half_life'].item():.3g} h" in text
    assert f"{len(used)} points" in text
    assert f"adjusted R² {row['lambda_z_r2_adjusted'].item():.4f}" in text
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time after the dose (h)", "drug (mg/L)")
    assert ax.get_yscale() == "log"


def test_every_quantified_sample_is_drawn_once(study: Study) -> None:
    result = nca(study, "drug")
    for profile in range(result.sizes["profile"]):
        table = lambda_z_line(result, profile)
        ax = plot.lambda_z(result, profile, log=False)
        drawn = [x for one in ax.lines if "used" in str(one.get_label()) for x in np.asarray(one.get_xdata())]
        np.testing.assert_array_equal(sorted(drawn), table["time"][table["quantified"]])


def _all_blq(study: Study) -> Study:
    table = study.observations
    table["blq"], table["value"] = True, np.nan
    return Study(table, study.doses, study.subjects, study.units, attrs=study.attrs)


def test_profile_without_a_regression_shows_its_reason(study: Study) -> None:
    result = nca(_all_blq(study), "drug")
    ax = plot.lambda_z(result, 0)
    shown = ax.get_legend().get_texts()[-1].get_text().replace("\n", " ")
    assert shown == "no λz: no quantifiable sample"
    assert "7 BLQ dropped" in title(ax)
    few = study.observations
    one = few[few["time"] == 4.0].reset_index(drop=True)
    single = plot.lambda_z(nca(Study(one, study.doses, study.subjects, study.units), "drug"), 0)
    assert len(line(single, "not used").get_xdata()) == 1
    assert "fewer than 3 quantifiable samples" in str(single.lines[-1].get_label()).replace("\n", " ")


def test_page_fills_axes_in_order_and_hides_the_rest(study: Study) -> None:
    result = nca(study, "drug")
    _, axes = plt.subplots(2, 3, layout="constrained")
    back = plot.lambda_z_page(result, axes)
    assert back is axes
    assert [a.get_title(loc="left") for a in axes.flat] == ["subject 1", "subject 2", "subject 3", "subject 4", "", ""]
    assert [a.get_visible() for a in axes.flat] == [True] * 4 + [False] * 2
    assert len(plt.get_fignums()) == 1
    plot.lambda_z_page(result, axes.flat[0], [2])
    assert axes.flat[0].get_title(loc="left") == "subject 3"
    with pytest.raises(InputError, match=r"2 pictures \(0, 1\) for 1 axes"):
        plot.lambda_z_page(result, axes.flat[0], [0, 1])


def test_unknown_profile_is_refused_before_a_figure_is_made() -> None:
    with pytest.raises(InputError, match="expected 0 to 3"):
        plot.lambda_z(nca(bolus_study(), "drug"), 4)
    assert plt.get_fignums() == []

"""In words, the rule that a number depends on most: what a row of the table says of its method."""

from __future__ import annotations

from pkpd.nca.rules import Rules

TAILS = {
    "line": "to a point on the terminal regression, by the trapezoidal rule", "last": "nothing after Tlast",
    "all": "samples only", "obs": "exponential from the observed Clast", "pred": "exponential from the predicted Clast",
}  # fmt: skip


def observed(_: Rules) -> str:
    """Return the method of a number that is read off the samples."""
    return "observed"


def initial(rules: Rules) -> str:
    """Return the ways to C0, in turn."""
    return ", else ".join(rules.ways("c0"))


def regression(rules: Rules) -> str:
    """Return how the terminal regression is chosen."""
    if rules.lambda_z_method == "tobit":
        return f"Tobit regression (at least {rules.lambda_z_points} quantifiable points)"
    text = f"best adjusted R² (tolerance {rules.lambda_z_tolerance:g}, at least {rules.lambda_z_points} points)"
    return text if rules.lambda_z_weights == "1" else f"{text}, weights {rules.lambda_z_weights}"


def trapezoids(rules: Rules) -> str:
    """Return the trapezoidal rule."""
    return f"{rules.auc} trapezoidal rule"


def extrapolated(rules: Rules) -> str:
    """Return the trapezoidal rule and the regression that continues the area."""
    return f"{trapezoids(rules)}, {regression(rules)}"


def over_tau(rules: Rules) -> str:
    """Return the trapezoidal rule and how an area over an interval goes on after the last sample."""
    return f"{trapezoids(rules)}, beyond the last sample: {TAILS[rules.partial]}"


def over_tau_and_regression(rules: Rules) -> str:
    """Return how an area over an interval is made, and the regression that its terminal volume is divided by."""
    return f"{over_tau(rules)}, {regression(rules)}"


def above(rules: Rules) -> str:
    """Return what an area above a threshold is the area of."""
    return (
        f"{trapezoids(rules)}, above the curve" if rules.above == "curve" else f"{trapezoids(rules)} of {rules.above}"
    )

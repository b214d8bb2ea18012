"""A slow scalar oracle for the kernel: loops over samples, areas by numerical quadrature of the curve."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pkpd.dosing import Dose
from pkpd.nca import Asked, Profiles, Rules, compute
from pkpd.nca.kernel.partial import KINDS
from pkpd.nca.kernel.profiles import Marked

NAN = math.nan
NODES, WEIGHTS = (x.tolist() for x in np.polynomial.legendre.leggauss(8))


@dataclass(frozen=True)
class Case:
    """One profile and everything that is asked about it."""

    times: list[float]
    values: list[float]
    blq: list[bool]
    lloq: list[float]
    chosen: list[int]
    dose: Dose | None
    tau: float
    predose: tuple[float, float]
    first: bool


@dataclass(frozen=True)
class Sample:
    """A sample that takes part."""

    t: float
    c: float
    seen: bool  # quantifiable
    put: bool  # put in place of a BLQ sample
    mark: int


def taking_part(case: Case, rules: Rules) -> tuple[list[Sample], dict[str, float]]:
    """Samples with the values that the BLQ rules give them, and the counts."""
    bolus = case.dose is not None and case.dose.route == "bolus"
    rows = sorted(range(len(case.times)), key=lambda i: case.times[i])
    live: list[tuple[int, bool, bool]] = []
    n_usable = n_blq = n_bad = 0
    for i in rows:
        t, v = case.times[i], case.values[i]
        blq = case.blq[i] or (rules.zero_is_blq and v == 0)
        if not math.isfinite(t) or not (blq or (math.isfinite(v) and v >= 0)):
            n_bad += 1
            continue
        n_usable, n_blq = n_usable + 1, n_blq + blq
        if t < 0 or (bolus and t == 0 and (blq or v == 0)):
            continue
        live.append((i, blq, not blq and v > 0))
    kept, run, begun, n_late = [], 0, False, 0
    for i, blq, seen in live:
        if rules.blq_run is not None and begun and run >= rules.blq_run:
            n_late += 1
            continue
        begun, run = begun or seen, 0 if seen else run + begun
        kept.append((i, blq, seen))
    counts = {"n_samples": n_usable, "n_blq": n_blq, "n_unusable": n_bad, "n_after_end": n_late,
              "n_measured": n_usable - n_blq}  # fmt: skip
    return [s for s in placed(case, rules, kept) if s is not None], {k: float(v) for k, v in counts.items()}


def placed(case: Case, rules: Rules, kept: list[tuple[int, bool, bool]]) -> list[Sample | None]:
    """The samples in order with their values; None where one is dropped."""
    seen_rows = [k for k, (_, _, seen) in enumerate(kept) if seen]
    low, high = (seen_rows[0], seen_rows[-1]) if seen_rows else (len(kept), len(kept))
    if seen_rows and rules.blq_around == "Cmax":
        largest = max(case.values[kept[k][0]] for k in seen_rows)
        tops = [k for k in seen_rows if case.values[kept[k][0]] == largest]
        low = high = tops[0] if rules.tmax == "first" else tops[-1]
    found: list[Sample | None] = []
    for k, (i, blq, seen) in enumerate(kept):
        value: float | None = case.values[i]
        if blq:
            rule = rules.blq_before if k < low else rules.blq_after if k > high else rules.blq_between
            value = instead(rule, case.lloq[i], case.dose is not None and case.dose.route == "bolus")
        found.append(None if value is None else Sample(case.times[i], value, seen, blq, case.chosen[i]))
    return found


def instead(rule: str | float, lloq: float, bolus: bool) -> float | None:
    """What a BLQ sample counts as."""
    if not isinstance(rule, str):
        return float(rule)
    if rule == "by route":
        return None if bolus else 0.0
    known = not math.isnan(lloq)
    words = {"zero": 0.0, "lloq/2": lloq / 2 if known else None, "lloq": lloq if known else None}
    return words.get(rule)


def tlag(case: Case, rules: Rules) -> float:
    """Time of the last sample, dropped or not, before the first quantifiable one."""
    kept = sorted(zip(case.times, case.values, case.blq, strict=True))
    before = 0.0
    bolus = case.dose is not None and case.dose.route == "bolus"
    for t, v, flagged in kept:
        blq = flagged or (rules.zero_is_blq and v == 0)
        if not math.isfinite(t) or t < 0 or not (blq or (math.isfinite(v) and v >= 0)):
            continue
        if bolus and t == 0 and (blq or v == 0):
            continue
        if not blq and v > 0:
            return before
        before = t
    return NAN


def start_value(case: Case, rules: Rules, used: list[Sample]) -> tuple[float, bool, bool]:
    """Value at time zero; whether it was observed; whether it is a C0 that was not."""
    if used and used[0].t == 0:
        return used[0].c, True, False
    end = case.tau * (1 + 1e-9) if math.isfinite(case.tau) else math.inf
    lowest = min((s.c for s in used if s.t <= end), default=NAN)
    if case.dose is None:
        return NAN, False, False
    if case.dose.route == "bolus":
        for way in rules.ways("c0"):
            if way == "log back-extrapolation" and len(used) > 1:
                one, two = used[0], used[1]
                if 0 < two.c < one.c and two.t > one.t and one.mark >= 0 and two.mark >= 0:
                    slope = (math.log(two.c) - math.log(one.c)) / (two.t - one.t)
                    return math.exp(math.log(one.c) - slope * one.t), False, True
            if way == "first observed" and len(used) > 1:
                return used[0].c, False, True
            if way == "zero" or (way == "smallest" and not math.isnan(lowest)):
                return {"smallest": lowest, "zero": 0.0}[way], False, True
        return NAN, False, True
    for way in rules.ways("time_zero"):
        if way == "by route" and (case.first or not math.isnan(lowest)):
            return 0.0 if case.first else lowest, False, False
        if way == "predose":
            length = case.tau if math.isfinite(case.tau) else used[-1].t if used else NAN
            if case.predose[0] < 0 and math.isfinite(case.predose[1]) and -case.predose[0] <= 0.05 * length:
                return case.predose[1], False, False
        if way == "zero" or (way == "smallest" and not math.isnan(lowest)):
            return {"smallest": lowest, "zero": 0.0}[way], False, False
    return NAN, False, False


def up_to_the_end(case: Case) -> Case:
    """The same case without what follows its interval: a sample at its end, or else the first one after it."""
    usable = sorted(
        t for t, v, b in zip(case.times, case.values, case.blq, strict=True)
        if math.isfinite(t) and (b or (math.isfinite(v) and v >= 0))
    )  # fmt: skip
    if not math.isfinite(case.tau):
        return case
    near = [t for t in usable if abs(t - case.tau) <= 1e-9 * case.tau]
    end = max(near) if near else next((t for t in usable if t > case.tau), math.inf)
    keep = [i for i, t in enumerate(case.times) if not t > end]
    return replace(case, **{f: [getattr(case, f)[i] for i in keep] for f in ("times", "values", "blq", "lloq",
                                                                             "chosen")})  # fmt: skip


Piece = tuple[float, float, Callable[[float], float], bool]


def pieces_of(points: list[tuple[float, float]], top: int, rule: str) -> list[Piece]:
    """The curve between samples as functions."""
    found = []
    for k in range(len(points) - 1):
        (t1, c1), (t2, c2) = points[k], points[k + 1]
        if t2 > t1:
            log = is_log(c1, c2, k >= top, rule)
            found.append((t1, t2, joined(t1, c1, t2, c2, log), log))
    return found


def is_log(c1: float, c2: float, after_top: bool, rule: str) -> bool:
    if rule == "linear" or c1 <= 0 or c2 <= 0 or c1 == c2:
        return False
    return c2 < c1 if rule == "linear-up/log-down" else after_top


def joined(t1: float, c1: float, t2: float, c2: float, log: bool) -> Callable[[float], float]:
    if log:
        return lambda t: c1 ** ((t2 - t) / (t2 - t1)) * c2 ** ((t - t1) / (t2 - t1))
    return lambda t: (c1 * (t2 - t) + c2 * (t - t1)) / (t2 - t1)


def integral(f: Callable[[float], float], a: float, b: float, log: bool) -> tuple[float, float]:
    """∫f and ∫t·f by Gauss's rule on short panels; of a straight piece the moment is the trapezoid of t·C."""
    ends = [f(a), f(b)]
    turns = abs(math.log(ends[0] / ends[1])) if min(ends) > 0 else 0.0
    panels = 1 + int(turns)
    area, moment, width = [], [], (b - a) / panels
    for p in range(panels):
        middle = a + (p + 0.5) * width
        for x, w in zip(NODES, WEIGHTS, strict=True):
            t = middle + 0.5 * width * x
            y = 0.5 * width * w * f(t)
            area.append(y)
            moment.append(t * y)
    return math.fsum(area), math.fsum(moment) if log else 0.5 * (b - a) * (a * ends[0] + b * ends[1])


def over(parts: list[Piece], a: float, b: float) -> tuple[float, float]:
    """Area and moment of pieces between two times."""
    found = [integral(f, max(a, t1), min(b, t2), log) for t1, t2, f, log in parts if min(b, t2) > max(a, t1)]
    return math.fsum(x for x, _ in found), math.fsum(y for _, y in found)


@dataclass(frozen=True)
class Line:
    """A terminal regression; NaN where there is none."""

    rate: float = NAN
    intercept: float = NAN
    points: float = NAN
    start: float = NAN
    end: float = NAN
    r2: float = NAN
    adjusted: float = NAN
    correlation: float = NAN


def regression(points: list[tuple[float, float]], power: int) -> Line:
    """ln C on t, weighted by C^-power."""
    w = [c**-power for _, c in points]
    total = math.fsum(w)
    mt = math.fsum(wi * t for wi, (t, _) in zip(w, points, strict=True)) / total
    my = math.fsum(wi * math.log(c) for wi, (_, c) in zip(w, points, strict=True)) / total
    stt = math.fsum(wi * (t - mt) ** 2 for wi, (t, _) in zip(w, points, strict=True))
    sty = math.fsum(wi * (t - mt) * (math.log(c) - my) for wi, (t, c) in zip(w, points, strict=True))
    syy = math.fsum(wi * (math.log(c) - my) ** 2 for wi, (_, c) in zip(w, points, strict=True))
    if stt == 0 or len({c for _, c in points}) == 1:
        return Line()
    r2, n, slope = sty**2 / (stt * syy), len(points), sty / stt
    adjusted = 1 - (1 - r2) * (n - 1) / (n - 2) if n > 2 else NAN
    return Line(-slope, my - slope * mt, n, points[0][0], points[-1][0], r2, adjusted, sty / math.sqrt(stt * syy))


def terminal(case: Case, rules: Rules, used: list[Sample], top: int) -> Line:
    power = {"1": 0, "1/y": 1, "1/y^2": 2}[rules.lambda_z_weights]
    route = "" if case.dose is None else case.dose.route
    imputed = rules.blq_imputed == "areas and lambda_z"
    good = [k for k, s in enumerate(used) if s.seen or (imputed and s.put and s.c > 0)]
    if any(mark > 0 for mark in case.chosen):
        points = [(used[k].t, used[k].c) for k in good if used[k].mark > 0]
        line = regression(points, power) if len(points) > 1 else Line()
        return line if line.rate > 0 else Line()
    with_top = route == "bolus" if rules.lambda_z_cmax is None else rules.lambda_z_cmax
    since = max(case.dose.duration if route == "infusion" and case.dose else 0.0, rules.lambda_z_not_before or 0.0)
    good = [k for k in good if k >= top + (not with_top) and used[k].t >= since and used[k].mark == 0]
    lines = []
    for n in range(rules.lambda_z_points, min(len(good), rules.lambda_z_max_points or 999) + 1):
        line = regression([(used[k].t, used[k].c) for k in good[-n:]], power)
        if line.rate > 0:
            lines.append(line)
    if not lines:
        return Line()
    best = max(line.adjusted for line in lines)
    return max((x for x in lines if x.adjusted >= best - rules.lambda_z_tolerance), key=lambda x: x.points)


class Oracle:
    """Every number about one case."""

    def __init__(self, case: Case, rules: Rules) -> None:
        self.case, self.rules = case, rules
        self.inside: Oracle = self
        self.used, self.counts = taking_part(case, rules)
        self.zero = bool(self.used) and all(s.c == 0 for s in self.used)
        self.empty = not any(s.seen for s in self.used) and not self.zero
        if self.empty:
            return
        used, within = self.used, up_to_the_end(case)
        self.inside = self if within == case else Oracle(within, rules)
        self.start, self.observed, self.extrapolated = start_value(case, rules, self.inside.used)
        seen = used if self.zero else [s for s in used if s.seen]
        largest = max(s.c for s in seen)
        tops = [k for k, s in enumerate(used) if s in seen and s.c == largest]
        self.top = tops[0] if rules.tmax == "first" else tops[-1]
        self.clast, self.tlast = seen[-1].c, seen[-1].t
        counted = rules.blq_imputed == "areas and lambda_z"
        self.t_area = [s.t for s in used if s in seen or (counted and s.put and s.c > 0)][-1]
        self.line = terminal(case, rules, used, self.top)
        self.clast_pred = math.exp(self.line.intercept - self.line.rate * self.tlast)
        # Two zeros or more have areas of zero wherever they begin.
        self.begin = 0.0 if math.isnan(self.start) and self.zero and len(used) > 1 else self.start
        known = not math.isnan(self.begin)
        points = ([(0.0, self.begin)] if known else []) + [(s.t, s.c) for s in used]
        bolus = case.dose is not None and case.dose.route == "bolus"
        self.row = 0 if bolus and known and self.start > largest else self.top + known
        self.points, self.parts = points, pieces_of(points, self.row, rules.auc)

    def at(self, t: float) -> float:
        """The curve between its first and last point."""
        for s in reversed(self.points):
            if s[0] == t:
                return s[1]
        for t1, t2, f, _ in self.parts:
            if t1 < t < t2:
                return f(t)
        return NAN

    def regressed(self, t: float) -> float:
        return math.exp(self.line.intercept - self.line.rate * t)

    def window(self, a: float, b: float, kind: str) -> tuple[float, float, float]:
        """Area, moment and value at the end."""
        if kind == "line" and math.isinf(b):
            kind = "obs"
        t_last = self.points[-1][0] if kind in ("line", "all") else self.t_area
        end = self.at(b) if b <= t_last else NAN
        if b > t_last == self.points[0][0] >= a and kind in ("last", "all"):
            return NAN, NAN, NAN  # what is measured covers no time
        if a < self.points[0][0] or not b > a:
            return NAN, NAN, end if b <= t_last or kind in ("last", "all") else self.beyond(a, b, kind, t_last)[2]
        area, moment = over(self.parts, a, min(b, t_last))
        if b <= t_last or kind in ("last", "all"):
            return area, moment, end
        more = self.beyond(a, b, kind, t_last)
        return area + more[0], moment + more[1], more[2]

    def beyond(self, a: float, b: float, kind: str, t_last: float) -> tuple[float, float, float]:
        if self.zero and self.points[-1][0] > self.points[0][0]:
            return 0.0, 0.0, 0.0
        if math.isnan(self.line.rate):
            return NAN, NAN, NAN
        begin = max(a, t_last)
        if kind == "line":
            c1 = self.regressed(a) if a > t_last else self.points[-1][1]
            c2 = self.regressed(b)
            log = is_log(c1, c2, True, self.rules.auc)
            return *integral(joined(begin, c1, b, c2, log), begin, b, log), c2
        level, rate = {"obs": self.clast, "pred": self.clast_pred}[kind], self.line.rate
        c1 = level * math.exp(-rate * (begin - t_last))
        if math.isinf(b):
            return c1 / rate, begin * c1 / rate + c1 / rate**2, 0.0
        f = lambda t: level * math.exp(-rate * (t - t_last))  # noqa: E731
        return *integral(f, begin, b, True), f(b)

    def above(self, threshold: float) -> tuple[float, float]:
        """Time and area above a threshold."""
        time, area = [], []
        for t1, t2, f, log in self.parts:
            c1, c2 = f(t1), f(t2)
            if max(c1, c2) <= threshold:
                continue
            a, b = t1, t2
            if min(c1, c2) < threshold:
                share = math.log(c1 / threshold) / math.log(c1 / c2) if log else (c1 - threshold) / (c1 - c2)
                cross = t1 + share * (t2 - t1)
                a, b = (a, cross) if c1 > threshold else (cross, b)
            time.append(b - a)
            area.append(integral(f, a, b, log)[0] - threshold * (b - a))
        if self.rules.above == "shifted samples":
            shifted = [(t, max(c - threshold, 0.0)) for t, c in self.points]
            return math.fsum(time), over(pieces_of(shifted, self.row, self.rules.auc), -math.inf, math.inf)[0]
        return math.fsum(time), math.fsum(area)

    def parameters(self) -> dict[str, float]:
        if self.empty:
            return self.counts
        found = {**self.counts, **self.described()}
        found.update(self.areas())
        if self.inside is not self:
            own = self.inside.parameters()
            found |= {name: own.get(name, NAN) for name in ("cmin", "tmin", "ctrough", "c0", "cstart")}
        found.update(self.interval(found))
        found.update(self.derived(found))
        return found

    def described(self) -> dict[str, float]:
        used, case, rules, line = self.used, self.case, self.rules, self.line
        inside = [s for s in used if math.isnan(case.tau) or s.t <= case.tau * (1 + 1e-9)]
        cmin, tmin = min(((s.c, s.t) for s in inside), default=(NAN, NAN))
        route = "" if case.dose is None else case.dose.route
        given = self.start if not self.extrapolated else NAN
        counts = rules.time_zero_counts and not math.isnan(given)
        if counts and not given > cmin:
            cmin, tmin = given, 0.0

        def sampled(t: float) -> float:
            return next((s.c for s in used if abs(s.t - t) <= 1e-9 * t), NAN)

        found = {
            "cmax": used[self.top].c, "tmax": used[self.top].t, "cmin": cmin, "tmin": tmin,
            "c0": self.start if route == "bolus" else NAN,
            "cstart": given if self.observed or counts else NAN,
            "ceoi": sampled(case.dose.duration) if route == "infusion" and case.dose else NAN,
            "ctrough": sampled(case.tau), "clast": self.clast, "tlast": self.tlast,
            "tfirst": next((s.t for s in used if s.seen), NAN),
            "tlag": tlag(case, rules) if route == "oral" or rules.tlag == "any route" else NAN,
            "lambda_z": line.rate, "lambda_z_intercept": line.intercept, "lambda_z_points": line.points,
            "lambda_z_start": line.start, "lambda_z_end": line.end, "lambda_z_r2": line.r2,
            "lambda_z_r2_adjusted": line.adjusted, "lambda_z_correlation": line.correlation,
            "lambda_z_span": (line.end - line.start) * line.rate / math.log(2), "half_life": math.log(2) / line.rate,
            "clast_pred": self.clast_pred,
        }  # fmt: skip
        return found | dict.fromkeys(("tmax", "clast", "tlast", "tlag") if self.zero else (), NAN)

    def areas(self) -> dict[str, float]:
        """AUC and AUMC with what lies before the first and after the last sample."""
        if math.isnan(self.begin):
            return {}
        found = {}
        for kind in ("last", "all", "obs", "pred"):
            name = f"inf_{kind}" if kind in ("obs", "pred") else kind
            found[f"auc_{name}"], found[f"aumc_{name}"], _ = self.window(0.0, math.inf, kind)
            if kind != "all" and (self.t_area == self.points[0][0] or (self.zero and self.begin > 0)):
                found[f"auc_{name}"] = found[f"aumc_{name}"] = NAN
        for kind in ("obs", "pred"):
            for what in ("auc", "aumc"):
                last, whole = found[f"{what}_last"], found[f"{what}_inf_{kind}"]
                found[f"{what}_extrapolated_{kind}"] = ratio(100 * (whole - last), whole)
        if self.case.dose is not None and self.case.dose.route == "bolus":
            back = over(self.parts, 0.0, self.used[0].t)[0]
            if self.rules.back_extrapolated == "excess over time zero":
                back -= 0.5 * self.used[0].t * self.used[0].c
            for kind in ("obs", "pred", "last", "all"):
                area = found[f"auc_inf_{kind}" if kind in ("obs", "pred") else f"auc_{kind}"]
                found[f"auc_back_extrapolated_{kind}"] = ratio(100 * back * self.extrapolated, area)
        return found

    def interval(self, found: dict[str, float]) -> dict[str, float]:
        tau = self.case.tau
        for end in ("start", "trough"):
            level = found[f"c{end}"]
            if not math.isnan(level) and not math.isnan(self.begin):
                found[f"auc_above_{end}"] = self.above(level)[1]
        if math.isnan(tau):
            return {}
        area, moment, ctau, measured = self.over_tau() if not self.inside.empty else (NAN, NAN, NAN, NAN)
        inside = [s.c for s in self.used if (s.seen or s.c == 0) and s.t <= tau * (1 + 1e-9)]
        cmax, cmin = max(inside, default=NAN), found["cmin"]
        cavg = area / tau
        shift = tau * (found.get("auc_inf_obs", NAN) - area), tau * (found.get("auc_inf_pred", NAN) - area)
        return {
            "auc_tau": area, "aumc_tau": moment, "ctau": ctau, "cavg": cavg,
            "auc_tau_extrapolated": ratio(100 * (area - measured), area),
            "fluctuation": ratio(100 * (cmax - cmin), cavg), "fluctuation_tau": ratio(100 * (cmax - ctau), cavg),
            "swing": ratio(100 * (cmax - cmin), cmin), "swing_tau": ratio(100 * (cmax - ctau), ctau),
            "peak_trough": ratio(cmax, found["ctrough"]),
            "accumulation_index": ratio(1.0, -math.expm1(-self.line.rate * tau)),
            "mrt_ss_obs": self.mrt(moment + shift[0], area), "mrt_ss_pred": self.mrt(moment + shift[1], area),
        }  # fmt: skip

    def over_tau(self) -> tuple[float, float, float, float]:
        """Area, moment, value at the end and measured part of the area of the interval."""
        tau, inside = self.case.tau, self.inside
        return *inside.window(0.0, tau, self.rules.partial), over(inside.parts, 0.0, min(tau, inside.tlast))[0]

    def mrt(self, moment: float, area: float) -> float:
        half = 0.5 * self.case.dose.duration if self.case.dose is not None else 0.0
        value = ratio(moment, area) - half
        return value if value > 0 else NAN

    def derived(self, found: dict[str, float]) -> dict[str, float]:
        result = {}
        dose = self.case.dose.amount if self.case.dose is not None else NAN
        iv = self.case.dose is not None and self.case.dose.route != "oral"
        for name, short in (("last", "last"), ("all", "all"), ("inf_obs", "obs"), ("inf_pred", "pred"), ("tau", "tau")):
            area, moment = found.get(f"auc_{name}", NAN), found.get(f"aumc_{name}", NAN)
            mrt, cl = self.mrt(moment, area), ratio(dose, area)
            result |= {f"mrt_{name}": mrt, f"cl_{short}": cl, f"vz_{short}": cl / self.line.rate,
                       f"vss_{short}": cl * mrt if iv or self.rules.vss == "any route" else NAN,
                       f"kel_{short}": 1 / mrt, f"half_life_effective_{short}": math.log(2) * mrt,
                       f"auc_{name}_dose": area / dose, f"aumc_{name}_dose": moment / dose}  # fmt: skip
        return result


def ratio(a: float, b: float) -> float:
    return a / b if b != 0 else NAN


# Random cases --------------------------------------------------------------------------------------------------------


def random_case(rng: np.random.Generator) -> Case:
    n = int(rng.integers(1, 13))
    t = np.sort(rng.choice(np.arange(1, 200), n, replace=False)) / 7.0
    if rng.random() < 0.4:
        t[0] = 0.0
    shape = 20 * (np.exp(-rng.uniform(0.05, 0.4) * t) - rng.integers(0, 2) * np.exp(-rng.uniform(0.5, 3) * t))
    v = np.maximum(shape, 0) * np.exp(rng.normal(0, rng.choice([0.02, 0.3]), n))
    v = np.where(rng.random(n) < 0.05, 0.0, v)
    if rng.random() < 0.2:
        v = np.round(v)  # equal values
    if rng.random() < 0.1:
        t[0] -= 3.0
    v = np.where(rng.random(n) < 0.03, rng.choice([-1.0, NAN, math.inf]), v)
    lloq = np.full(n, float(rng.choice([0.01, 0.5, 2.0])))
    blq = (v < lloq) | (rng.random(n) < 0.08)
    lloq = np.where(rng.random(n) < 0.15, NAN, lloq)
    chosen = rng.choice([-1, 0, 1], n, p=[0.2, 0.4, 0.4]) if rng.random() < 0.15 else np.zeros(n)
    if rng.random() < 0.15:
        chosen = -(rng.random(n) < 0.15).astype(int)
    dose = (
        None,
        Dose(0, 100),
        Dose(0, 100, "oral"),
        Dose(0, 50, "infusion", float(rng.choice([t[-1] / 3 + 3.1, 1.0]))),
    )
    tau = float(rng.choice([NAN, 12.0, max(t[rng.integers(n)], 1.0), t[-1] + 4.0, 60.0]))
    predose = (-float(rng.choice([0.1, 0.5, 3.0])), float(rng.uniform(0, 3))) if rng.random() < 0.5 else (NAN, NAN)
    which = dose[rng.choice(4, p=[0.1, 0.4, 0.3, 0.2])]
    return Case(t.tolist(), v.tolist(), blq.tolist(), lloq.tolist(), chosen.astype(int).tolist(), which, tau, predose,
                bool(rng.random() < 0.7))  # fmt: skip


def random_rules(rng: np.random.Generator) -> Rules:
    def one(*choices: Any) -> Any:
        return choices[rng.integers(len(choices))]

    def some(*choices: str) -> tuple[str, ...]:
        return tuple(choices[k] for k in rng.permutation(len(choices))[: rng.integers(1, len(choices) + 1)])

    blq = ("zero", "lloq/2", "lloq", "drop", "missing", 0.3, 0)
    return Rules(
        auc=one("linear-up/log-down", "linear", "linear/log after Cmax"), partial=one(*KINDS),
        tmax=one("first", "last"), lambda_z_points=one(3, 3, 4), lambda_z_max_points=one(None, None, 4, 6),
        lambda_z_not_before=one(None, None, 2.0, 10.0), lambda_z_tolerance=one(0.0, 1e-4, 0.05),
        lambda_z_weights=one("1", "1/y", "1/y^2"), lambda_z_cmax=one(None, True, False),
        zero_is_blq=one(True, False), blq_before=one("by route", *blq), blq_between=one(*blq), blq_after=one(*blq),
        blq_around=one("quantifiable", "quantifiable", "Cmax"), blq_run=one(None, None, 1, 2),
        blq_imputed=one("areas", "areas and lambda_z"),
        c0=("observed", *some("log back-extrapolation", "first observed", "smallest", "zero")),
        time_zero=one("by route", "none", some("by route", "predose", "smallest", "zero")),
        time_zero_counts=one(True, False), above=one("curve", "shifted samples"),
        back_extrapolated=one("first segment", "excess over time zero"), vss=one("intravenous", "any route"),
        tlag=one("extravascular", "any route"),
    )  # fmt: skip


def kernel(case: Case, rules: Rules, asked: Asked) -> Any:
    profiles = Profiles.from_arrays(
        case.times, Marked(case.values, case.blq, case.chosen), dose=[case.dose], lloq=case.lloq, tau=case.tau
    ).with_predose(*case.predose)
    return compute(replace(profiles, first=np.array([case.first])), rules, asked)


def close(a: float, b: float, scale: float = 0.0) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b), scale)


# Differences and parts of a whole: what is left may be much smaller than what it was made of.
SCALES = {"swing": 100.0, "swing_tau": 100.0, "fluctuation": 100.0, "fluctuation_tau": 100.0,
          "lambda_z_intercept": 1.0, "lambda_z_r2_adjusted": 1.0, "auc_tau_extrapolated": 100.0}  # fmt: skip


def disagreements(seed: int, count: int) -> tuple[list[str], set[str]]:
    rng = np.random.default_rng(seed)
    wrong, compared = [], set()
    for k in range(count):
        case, rules = random_case(rng), random_rules(rng)
        asked = Asked(((0.0, 7.5), (2.5, 31.0), (0.0, math.inf), (29.0, 40.0)), (0.0, 0.7, 5.0))
        found, oracle = kernel(case, rules, asked), Oracle(case, rules)
        expected = oracle.parameters()
        for name in (*expected, "auc_last", "auc_tau", "auc_above_start", "mrt_last", "auc_back_extrapolated_obs"):
            a, b = float(found.of(name)[0]), expected.get(name, NAN)
            scale = SCALES.get(name, 100.0 if "extrapolated" in name else 0.0)
            if name.startswith("auc_above") and not oracle.empty:
                scale = expected.get("auc_all", 0.0)
            if not close(a, b, scale):
                wrong.append(f"case {k}: {name} is {a!r}, expected {b!r}")
            if math.isfinite(b):
                compared.add(name)
        if oracle.empty:
            continue
        for w, (a, b) in enumerate(asked.windows):
            for j, kind in enumerate(KINDS):
                area, moment, _ = oracle.window(a, b, kind)
                for what, x, y in (("area", found.extra.area, area), ("moment", found.extra.moment, moment)):
                    if not close(float(x[0, w, j]), y):
                        wrong.append(f"case {k}: {what} of window {a}–{b} {kind} is {x[0, w, j]!r}, expected {y!r}")
        for h, threshold in enumerate(asked.thresholds):
            time, area = oracle.above(threshold)
            whole = max(c for _, c in oracle.points) * oracle.points[-1][0]
            if not close(float(found.extra.time_above[0, h]), time, oracle.points[-1][0]):
                wrong.append(f"case {k}: time above {threshold} {found.extra.time_above[0, h]!r}, expected {time!r}")
            if not close(float(found.extra.area_above[0, h]), area, whole):
                wrong.append(f"case {k}: area above {threshold} {found.extra.area_above[0, h]!r}, expected {area!r}")
    return wrong, compared


def check_agreement(seed: int, count: int) -> None:
    """Random profiles under random rules: nothing disagrees, and most parameters were numbers."""
    wrong, compared = disagreements(seed, count)
    assert not wrong, "\n".join(wrong[:20])
    assert len(compared) > 75  # numbers, not only missing ones

r"""The maximisation step of SAEM: averages of what is sufficient, and the parameters that belong to them.

With ξᵢ = μᵢ(θ) + ηᵢ the individual parameters on their scales, the complete likelihood of Kuhn & Lavielle (Comput Stat
Data Anal 2005;49:1020-1038) has the sufficient statistics ξᵢ, Σ ξᵢξᵢᵀ and the sum of squares of each residual error.
They are averaged as :math:`s_k = s_{k-1} + \gamma_k (S(\eta^k) - s_{k-1})` and kept relative to the present μ. What has
no closed form (fixed effects without a random effect, errors with several parameters, censored rows) follows the
gradient of the complete likelihood by :math:`\psi_k = \psi_{k-1} - \gamma_k H_k^{-1} g_k`, H its averaged expected
information: it rests where the expected gradient is zero, which by Fisher's identity is the maximum of the marginal
likelihood.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.fit.mixed.em.saem_chains import Chains
from pkpd.fit.mixed.em.saem_kernels import moments, squares
from pkpd.fit.mixed.em.saem_layout import layout_of
from pkpd.fit.mixed.em.saem_omega import assembled, block_places, maximised, relaxed
from pkpd.fit.mixed.problem.problem import Point, Problem
from pkpd.fit.mixed.problem.terms import terms_of

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)
_LARGEST = 0.5  # step of a number on a log or logit scale in one iteration


class Maximiser:
    """Parameters and averages of a run; `step` moves both.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    chains : Chains
        Decides the order of subjects and random effects.
    start : array, shape (free,)
        The vector to begin with.

    Attributes
    ----------
    vector : array, shape (fixed effects and errors' parameters,)
        Free parameters on their scales.
    blocks : tuple of arrays
        Active part of every block of Ω.
    matrix, inverse : arrays, shape (random effects, random effects)
        Ω and Ω⁻¹ in the order of the chains.
    values : array, shape (parameters,)
        Values of all parameters.
    first, second : arrays, shapes (subjects, random effects) and (random effects, random effects)
        Averages of η and of Σ ηηᵀ.
    """

    def __init__(self, problem: Problem, chains: Chains, start: Array) -> None:
        self.problem, self.chains = problem, chains
        point = problem.at(start)
        self._point = point
        size, count = len(chains.effects), problem.subjects
        self.vector = point.vector[: problem.places.parameters].copy()
        self._free = np.array([not p.fixed for p in problem.population.parameters.items])
        self._base = point.parameters.values.copy()
        self._scale = problem.population.parameters.scale
        links = self._links(point)
        self.layout = layout_of(problem, chains, links)
        self.design = self.layout.design(links)
        self.mask = self.layout.mask
        self.places = block_places(problem, chains.effects, self.mask)
        self.blocks = tuple(
            relaxed(place, b.matrix[np.ix_(place.active, place.active)].copy())
            for place in self.places
            for b in [point.omega.blocks[problem.population.omega.blocks.index(place.block)]]
        )
        self._size = size
        self._set_omega()
        self.first, self.second = np.zeros((count, size)), np.zeros((size, size))
        self._information = np.zeros((len(self.layout.numeric), len(self.layout.numeric)))
        self._squares = np.zeros(len(self.layout.closed))
        self._constraints = problem.population.inequalities
        self._names = problem.population.parameters.names

    def _links(self, point: Point) -> Array:
        links = point.links
        return links[self.chains.order] if len(links) > 1 else links

    # values

    @property
    def values(self) -> Array:
        """Values of all parameters, shape (parameters,)."""
        return self._values_of(self.vector)

    def _values_of(self, vector: Array) -> Array:
        values = self._base.copy()
        values[self._free] = self._scale.back(vector)
        return values

    @property
    def errors(self) -> Array:
        """Values of the residual errors' parameters, shape (errors' parameters,)."""
        return self.values[self.problem.places.error_values]

    def whole_vector(self) -> Array:
        """Return the vector of the problem: parameters, then log-Cholesky numbers of Ω."""
        parts = [self.vector]
        for place, matrix in zip(self.places, self.blocks, strict=True):
            parts.append(place.vector(matrix))
        return np.concatenate(parts)

    def free_elements(self) -> Array:
        """Return the free elements of Ω as they are, in the order of `Omega.free`."""
        pairs = zip(self.places, self.blocks, strict=True)
        return np.concatenate([np.empty(0), *(matrix[place.rows, place.columns] for place, matrix in pairs)])

    def _go(self, step: Array) -> None:
        """Add a step to the vector; the chains keep their individual parameters."""
        if self.layout.means.size:
            shift, _ = self._shift(step[self.layout.mean_places])
            self.chains.eta -= shift[self.chains.subject] if len(shift) > 1 else shift
            self.first -= shift
        self.vector = self.vector + step

    def move(self, vector: Array) -> None:
        """Set the parameters to a vector of the problem; the chains keep their individual parameters."""
        own = len(self.vector)
        self._go(self._allowed(np.arange(own), vector[:own] - self.vector))
        used, blocks = own, []
        for place, old in zip(self.places, self.blocks, strict=True):
            many = len(place.rows)
            blocks.append(place.matrix(vector[used : used + many]) if many else old)
            used += many
        self.blocks = tuple(blocks)
        self._set_omega()

    def take(self, vector: Array, elements: Array) -> None:
        """Set the parameters: their vector, and the free elements of Ω; the chains keep their individual parameters."""
        self._go(vector - self.vector)
        used, blocks = 0, []
        for place, old in zip(self.places, self.blocks, strict=True):
            matrix, many = old.copy(), len(place.rows)
            matrix[place.rows, place.columns] = matrix[place.columns, place.rows] = elements[used : used + many]
            used += many
            blocks.append(matrix)
        self.blocks = tuple(blocks)
        self._set_omega()

    def _set_omega(self) -> None:
        self.matrix = assembled(self.places, self.blocks, self._size)
        inverse = np.linalg.inv(self.matrix) if self._size else self.matrix
        self.inverse: Array = np.ascontiguousarray(0.5 * (inverse + inverse.T), dtype=np.float64)

    def point_at(self, vector: Array) -> Point:
        """Return a point that knows its parameters alone; Ω is that of the start."""
        parameters = self.problem.population.parameters.from_vector(vector)
        values = parameters.values[self.problem.places.error_values]
        return replace(self._point, vector=vector, values=parameters.values, errors=values)

    def scales(self) -> Array:
        """Return the vector's standard errors if random effects were known, shape (free,)."""
        found, count = np.zeros(len(self.vector)), self.problem.subjects
        if self.layout.means.size:
            design = self.design
            parts = np.einsum("ikr,km,ims->irs", design, self.inverse, design)
            information = count * parts[0] if len(design) == 1 else parts.sum(axis=0)
            found[self.layout.mean_places] = np.sqrt(np.diag(np.linalg.pinv(information)))
        for each in self.layout.closed:
            found[each.vector] = np.sqrt(0.5 / each.count)
        if self.layout.numeric.size and self._information.any():
            found[self.layout.numeric] = np.sqrt(np.maximum(np.diag(np.linalg.pinv(0.5 * self._information)), 0.0))
        pairs = zip(self.places, self.blocks, strict=True)
        whole = np.concatenate([found, *(place.errors(matrix) for place, matrix in pairs)])
        return np.where(whole > 0, whole, np.inf)

    # the step

    def step(self, share: float, guard: float, omega: bool, errors: bool) -> bool:
        """Move averages and parameters by what the chains say.

        Parameters
        ----------
        share : float
            γ.
        guard : float
            Annealing: variances of random effects and SDs of residual errors do not fall below this share of what they
            are; 0 leaves them free.
        omega, errors : bool
            Whether Ω and the residual errors move.

        Returns
        -------
        bool
            Whether predictions have changed where the chains stand.
        """
        chains = self.chains
        moments(chains.eta, chains.subject, self.mask, share, self.first, self.second)
        before = self.vector.copy()
        self._move_errors(share, errors)
        changed = self._move_numeric(share, before, errors)
        if errors and guard > 0:
            low = self._scale.to(np.maximum(self._scale.back(before) * guard, 0.0))
            spread = self.layout.spreads
            self.vector[spread] = np.maximum(self.vector[spread], low[spread])
        curved = self._move_means()
        if omega and self._size:
            self.blocks = tuple(
                maximised(place, self.second, matrix, guard)
                for place, matrix in zip(self.places, self.blocks, strict=True)
            )
            self._set_omega()
        return changed or curved

    def _move_means(self) -> bool:
        """Maximise over the fixed effects that are means of random effects; chains keep their individual parameters."""
        if not self.layout.means.size:
            return False
        design, count = self.design, self.problem.subjects
        weighted = np.einsum("ikr,km->irm", design, self.inverse)
        if len(design) == 1:
            information = count * weighted[0] @ design[0]
            right = weighted[0] @ self.first.sum(axis=0)
        else:
            information = np.einsum("irm,ims->rs", weighted, design)
            right = np.einsum("irm,im->r", weighted, self.first)
        step = np.linalg.lstsq(information, right, rcond=None)[0]
        step = self._allowed(self.layout.mean_places, step)
        shift, curved = self._shift(step)
        self.vector[self.layout.mean_places] += step
        self.chains.eta -= shift[self.chains.subject] if len(shift) > 1 else shift
        if len(shift) == 1:
            total, away = self.first.sum(axis=0), shift[0]
            self.second += -np.outer(total, away) - np.outer(away, total) + count * np.outer(away, away)
        else:
            cross = self.first.T @ shift
            self.second += shift.T @ shift - cross - cross.T
        self.first -= shift
        return curved

    def _shift(self, step: Array) -> tuple[Array, bool]:
        """Return by how much μ moves, shape (1 or subjects, random effects), and whether it is no straight line."""
        if self.problem.shifts.plain:
            return self.design @ step, False
        places, total = self.layout.mean_places, np.zeros(self.design.shape[:2])
        end = self.vector.copy()
        end[places] += step
        after = self._design_at(end)
        straight = np.allclose(after, self.design, rtol=1e-12, atol=0.0)
        if straight:
            return self.design @ step, False
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            between = self.vector.copy()
            between[places] += 0.5 * (1.0 + node) * step
            total = total + 0.5 * weight * (self._design_at(between) @ step)
        self.design = after
        return total, True

    def _design_at(self, vector: Array) -> Array:
        parameters = self.problem.population.parameters.from_vector(vector)
        links = self.problem.shifts.links(parameters, self.problem._first_covariates)
        return self.layout.design(links[self.chains.order] if len(links) > 1 else links)

    def _allowed(self, places: Integers, step: Array) -> Array:
        """Shorten a step that would break a constraint on typical values."""
        if not self._constraints:
            return step
        for _ in range(30):
            vector = self.vector.copy()
            vector[places] += step
            values = dict(zip(self._names, self._values_of(vector).tolist(), strict=True))
            if all(c.holds(values) for c in self._constraints):
                return step
            step = 0.5 * step
        return np.zeros_like(step)

    def _move_errors(self, share: float, move: bool) -> None:
        """Average the squares of residuals, and take the variances that belong to them."""
        if not self.layout.closed:
            return
        chains, errors = self.chains, self.errors
        mean, sd, logarithmic = chains.model.mean_and_sd(chains.f, errors)
        found = np.empty(len(self.layout.closed))
        squares(mean, sd, logarithmic, chains.model.lower, self.layout.group, found)
        for k, each in enumerate(self.layout.closed):
            variance = found[k] * errors[each.place] ** 2 / (chains.copies * each.count)
            self._squares[k] += share * (variance - self._squares[k])
            if move and self._squares[k] > 0:
                self.vector[each.vector] = 0.5 * np.log(self._squares[k])

    def _move_numeric(self, share: float, before: Array, errors: bool) -> bool:
        """Follow the gradient of the complete likelihood where there is no closed form."""
        if not self.layout.numeric.size:
            return False
        gradient, information = self.slopes(before)
        weight = share if self._information.any() else 1.0
        self._information += weight * (information - self._information)
        moving: Flags = np.ones(len(self.layout.numeric), dtype=bool)
        if not errors:
            moving[len(self.layout.others) :] = False
        if not moving.any():
            return False
        sized = self._information[np.ix_(moving, moving)]
        scale = np.sqrt(np.maximum(np.diag(sized), 1e-300))
        correlation = sized / np.outer(scale, scale)
        correlation += 1e-9 * np.eye(len(scale))
        step = -share * np.linalg.solve(correlation, gradient[moving] / scale) / scale
        places = self.layout.numeric[moving]
        most = np.where(self.layout.bounded[places], _LARGEST, np.inf)
        step = self._allowed(places, np.clip(step, -most, most))
        self.vector[places] += step
        return bool(moving[: len(self.layout.others)].any())

    def slopes(self, vector: Array) -> tuple[Array, Array]:
        """Return gradient and expected information of the complete −2 log likelihood by what has no closed form.

        Shapes (numeric,) and (numeric, numeric): means over chains, by the vector.
        """
        chains, problem = self.chains, self.problem
        model, many = chains.model, len(self.layout.others)
        point = self.point_at(vector)
        f, along = chains.f, np.zeros((len(chains.f), 0))
        if many:
            f, along, _ = self.slopes_of(point, 1)
        terms = terms_of(model.problem.densities, f, point.errors)
        all_slopes = np.zeros(len(problem.densities.names))
        all_slopes[problem.places.error_free] = point.parameters.slopes()[problem.places.errors]
        own = self.layout.numeric_errors
        by_errors = terms.p[:, own] * all_slopes[own]
        censored = model.problem.exact_rows
        with np.errstate(all="ignore"):
            a = terms.sd_f[:, None] * along
            spread = np.concatenate([a, terms.sd_p[:, own] * all_slopes[own]], axis=1) / terms.sd[:, None]
        score = np.concatenate([terms.f[:, None] * along, by_errors], axis=1)
        good = np.isfinite(score).all(axis=1) & np.isfinite(spread).all(axis=1)
        score = np.where(good[:, None], score, 0.0)
        measured = (good & ~censored).astype(float)
        information = 4.0 * (spread * measured[:, None]).T @ np.where(good[:, None], spread, 0.0)
        if many:
            rest = np.where(measured > 0, terms.expected - 4.0 * (terms.sd_f / terms.sd) ** 2, 0.0)
            information[:many, :many] += (along * rest[:, None]).T @ along
        lost = score[censored]
        information += 0.5 * lost.T @ lost
        return score.sum(axis=0) / chains.copies, information / chains.copies

    def slopes_of(self, point: Point, order: int) -> tuple[Array, Array, Array]:
        """Return predictions with their derivatives by the fixed effects without a random effect, by the vector.

        Parameters
        ----------
        point : Point
            As `point_at` makes it.
        order : {1, 2}
            Highest derivative.

        Returns
        -------
        arrays, shapes (rows,), (rows, others), (rows, others, others)
            The last has no rows without `order` 2.
        """
        chains, model, problem = self.chains, self.chains.model, self.problem
        found = model.respond(point, chains.eta, order)
        owner = chains.subject[np.repeat(np.arange(len(chains.subject)), np.diff(model.starts))]

        def links(vector: Array) -> Array:
            parameters = problem.population.parameters.from_vector(vector)
            whole = problem.shifts.links(parameters, problem._first_covariates)[:, :, self.layout.others]
            return whole[chains.order][owner] if len(whole) > 1 else whole

        own = links(point.vector)
        along = np.einsum("jd,jdk->jk", found.first, np.broadcast_to(own, (len(found.f), *own.shape[1:])))
        if order == 1:
            return found.f, along, np.empty((0, 0, 0))
        rows = np.broadcast_to(own, (len(found.f), *own.shape[1:]))
        bent = np.einsum("jdk,jde,jel->jkl", rows, found.second, rows, optimize=True)
        for k, place in enumerate(self.layout.other_places):
            away = np.zeros(len(point.vector))
            away[place] = 1e-5
            moved = (links(point.vector + away) - links(point.vector - away)) / 2e-5
            if moved.any():
                bent[:, :, k] += np.einsum("jd,jdl->jl", found.first, np.broadcast_to(moved, rows.shape))
        return found.f, along, bent

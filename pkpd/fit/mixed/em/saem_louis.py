r"""Score and observed information of the marginal likelihood from draws of the random effects.

With s the gradient of a subject's complete log likelihood and J minus its second derivatives,

.. math:: \nabla\log L = \sum_i E\,s_i, \qquad
          I = \sum_i \bigl\{ E\,J_i - E\,s_i s_i^T + E\,s_i\,E\,s_i^T \bigr\}

(Fisher's identity and Louis, J R Stat Soc B 1982;44:226-233). The information tells how far the maximum still is
(:math:`I^{-1}\nabla\log L`; Gu & Kong, Proc Natl Acad Sci 1998;95:7270-7274), which EM alone does not know where the
data say little, and is half the Hessian of −2 log L.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array
from pkpd.fit.densities import group_sums
from pkpd.fit.mixed.em.saem_omega import BlockPlace
from pkpd.fit.mixed.em.saem_step import Maximiser
from pkpd.fit.mixed.problem.terms import terms_of

_STEP = 1e-4  # of differences of dΩ/dv and of Z
_BATCH = 5  # iterations whose mean counts as independent of the next


@dataclass(frozen=True, eq=False)
class Louis:
    """What draws say of the marginal likelihood at a point.

    Attributes
    ----------
    scores : array, shape (subjects, free)
        Gradient of each subject's marginal log likelihood, in the order of the problem's subjects.
    information : array, shape (free, free)
        Observed information I.
    complete : array, shape (free, free)
        E J, the information if random effects were known.
    noise : array, shape (free, free)
        Monte-Carlo covariance of the sum of scores.
    """

    scores: Array
    information: Array
    complete: Array
    noise: Array

    def step(self, most: float = np.inf, least: float = 0.004) -> tuple[Array, float, float]:
        """Return the way to the maximum, how much −2 log L it gains, and the part of this gain that is noise.

        Parameters
        ----------
        most : float
            Longest step along an axis, in complete-data standard errors.
        least : float
            Share of the complete information that a direction has at least; directions with less are walked slowly.
        """
        size = len(self.complete)
        scale = 1.0 / np.sqrt(np.maximum(np.diag(self.complete), 1e-300))
        values, vectors = np.linalg.eigh(_even(self.complete * np.outer(scale, scale)))
        root = scale[:, None] * vectors / np.sqrt(np.maximum(values, 1e-12))  # rootᵀ complete root = 1
        shares, axes = np.linalg.eigh(_even(root.T @ self.information @ root))
        turn = root @ axes
        inverse = (turn / np.maximum(shares, least)) @ turn.T
        gradient = self.scores.sum(axis=0)
        way = turn.T @ gradient / np.maximum(shares, least)  # along the axes, in complete-data standard errors
        step = turn @ np.clip(way, -most, most)
        noise = float(np.trace(inverse @ self.noise)) if size else 0.0
        return step, float(gradient @ inverse @ gradient), noise


def _even(matrix: Array) -> Array:
    return 0.5 * (matrix + matrix.T)


class LouisSums:
    """Adds up scores and informations over iterations with the parameters at rest."""

    def __init__(self, maximiser: Maximiser) -> None:
        self.maximiser = maximiser
        self.vector = maximiser.whole_vector()
        count, size = maximiser.problem.subjects, len(self.vector)
        self._mean = np.zeros((count, size))
        self._squares, self._complete = np.zeros((size, size)), np.zeros((size, size))
        self._totals: list[Array] = []
        chains = maximiser.chains
        self._spread = chains.root @ chains.root.transpose(0, 2, 1)  # about H⁻¹, subjects × q × q
        self._control, self._controls = np.zeros((count, size)), np.zeros((size, size))
        self._cross, self._control_totals = np.zeros((size, size)), list[Array]()
        self._point = maximiser.point_at(maximiser.vector)
        self._omega = [
            _BlockScores(place, matrix) for place, matrix in zip(maximiser.places, maximiser.blocks, strict=True)
        ]

    def add(self) -> None:
        """Add what the chains say where they stand."""
        chains = self.maximiser.chains
        score, complete = np.zeros((len(chains.eta), len(self.vector))), np.zeros_like(self._complete)
        self._effects(score, complete)
        self._data(score, complete)
        count, copies = len(self._mean), chains.copies
        by_subject = score.reshape(copies, count, -1)
        self._mean += by_subject.mean(axis=0)
        self._squares += score.T @ score / copies
        self._complete += complete / copies
        self._totals.append(by_subject.sum(axis=1))
        if chains.eta.shape[1]:
            control = self._controlled()
            by_subject = control.reshape(copies, count, -1)
            self._control += by_subject.mean(axis=0)
            self._controls += control.T @ control / copies
            self._cross += score.T @ control / copies
            self._control_totals.append(by_subject.sum(axis=1))

    def _controlled(self) -> Array:
        """Return numbers of mean zero that go with the scores: g, the gradient of half of L, has E g = 0, E η gᵀ = 1.

        With H the curvature of g, η − H⁻¹g and the like do not vary at all where L is quadratic (Mira, Solgi &
        Imparato, Stat Comput 2013;23:653-662).
        """
        own, chains = self.maximiser, self.maximiser.chains
        model, centre = chains.model, chains.centre[chains.subject]
        response = model.respond(self._point, chains.eta, 1)
        slopes = terms_of(model.problem.densities, response.f, self._point.errors).f
        with np.errstate(all="ignore"):
            rows = 0.5 * slopes[:, None] * response.first
        g = group_sums(np.where(np.isfinite(rows), rows, 0.0), model.starts) @ model.effects + chains.eta @ own.inverse
        spread = self._spread[chains.subject]
        away = -np.einsum("skm,sm->sk", spread, g)  # −H⁻¹g
        found, means = np.zeros((len(g), len(self.vector))), own.layout.mean_places
        if means.size:
            design, along = own.design, away @ own.inverse
            if len(design) == 1:
                found[:, means] = along @ design[0]
            else:
                found[:, means] = np.einsum("sk,skr->sr", along, design[chains.subject])
        arm, used = chains.eta + centre, len(own.vector)  # (η − m) + 2 m
        for each in self._omega:
            where = np.arange(used, used + each.size)
            used += each.size
            for group in each.place.groups if each.size else ():
                square = np.einsum("sj,sk->sjk", arm[:, group], away[:, group]) + spread[:, group[:, None], group]
                there = own.mask[:, group[0]][chains.subject]
                found[:, where] += 0.5 * there[:, None] * np.einsum("sjk,jkp->sp", square, each.inside)
        return found

    def _effects(self, score: Array, complete: Array) -> None:
        """Write what the density of the random effects gives: fixed effects that are means, and Ω."""
        own, chains = self.maximiser, self.maximiser.chains
        means = own.layout.mean_places
        along = chains.eta @ own.inverse  # Ω⁻¹η
        design = own.design if len(own.design) == 1 else own.design[chains.subject]
        if means.size:
            if len(design) == 1:
                score[:, means] = along @ design[0]
                complete[np.ix_(means, means)] = len(along) * design[0].T @ own.inverse @ design[0]
            else:
                score[:, means] = np.einsum("sk,skr->sr", along, design)
                complete[np.ix_(means, means)] = np.einsum("skr,km,smt->rt", design, own.inverse, design)
        used = len(own.vector)
        for each in self._omega:
            where = np.arange(used, used + each.size)
            used += each.size
            for group in each.place.groups:
                if not each.size:
                    continue
                there = own.mask[:, group[0]][chains.subject]
                u = along[:, group] * there[:, None]
                score[:, where] += each.score(u, there)
                complete[np.ix_(where, where)] += each.complete(u, float(there.sum()))
                if means.size:
                    if len(design) == 1:  # moved: u → Ω⁻¹dΩ u
                        cross = np.einsum("kr,j,jkp->rp", design[0][group], u.sum(axis=0), each.moved)
                    else:
                        cross = np.einsum("skr,sj,jkp->rp", design[:, group], u, each.moved, optimize=True)
                    complete[np.ix_(means, where)] += cross
                    complete[np.ix_(where, means)] += cross.T

    def _data(self, score: Array, complete: Array) -> None:
        """Write what the density of the data gives: residual errors, and fixed effects without a random effect."""
        own, problem = self.maximiser, self.maximiser.problem
        chains, model = own.chains, own.chains.model
        places, point = problem.places, self._point
        f, along, bent = chains.f, np.zeros((len(chains.f), 0)), None
        if own.layout.others.size:
            f, along, bent = own.slopes_of(point, 2)
        errors, free = places.errors, places.error_free
        if not errors.size and not own.layout.others.size:
            return
        slopes = point.parameters.slopes()[errors]
        density = model.problem.densities.at(f, point.errors, second=True)
        assert density.pp is not None
        assert density.fp is not None
        own_places = np.concatenate([own.layout.other_places, errors]).astype(np.int64)
        rows = np.concatenate([density.f[:, None] * along, density.p[:, free] * slopes], axis=1)
        score[:, own_places] = -0.5 * group_sums(np.where(np.isfinite(rows), rows, 0.0), model.starts)
        curvature = problem.population.parameters.scale.curvature(point.parameters.free_values)[errors]
        with np.errstate(all="ignore"):
            pp = density.pp[:, free][:, :, free].sum(axis=0) * np.outer(slopes, slopes)
        pp += np.diag(density.p[:, free].sum(axis=0) * curvature)
        many = own.layout.others.size
        whole = np.zeros((len(own_places), len(own_places)))
        whole[many:, many:] = pp
        if many:
            assert density.ff is not None
            assert bent is not None
            whole[:many, :many] = (along * density.ff[:, None]).T @ along + np.einsum("j,jkl->kl", density.f, bent)
            cross = along.T @ (density.fp[:, free] * slopes)
            whole[:many, many:], whole[many:, :many] = cross, cross.T
        complete[np.ix_(own_places, own_places)] += 0.5 * whole

    def result(self) -> Louis:
        """Return score and information."""
        times = len(self._totals)
        mean, totals = self._mean / times, np.array(self._totals)
        if self._control_totals:  # the best use of what has mean zero, by least squares
            best = self._cross @ np.linalg.pinv(self._controls, rcond=1e-10, hermitian=True)
            mean = mean - self._control / times @ best.T
            totals = totals - np.array(self._control_totals) @ best.T
        complete = _even(self._complete / times)
        information = complete - _even(self._squares / times - mean.T @ mean)
        parts = np.array_split(totals, max(2, times // _BATCH))  # iterations × chains × numbers
        batches = np.concatenate([part.mean(axis=0) for part in parts])
        noise = np.atleast_2d(np.cov(batches.T)) / len(batches)
        scores = np.empty(mean.shape)
        scores[self.maximiser.chains.order] = mean
        return Louis(scores, information, complete, noise)


class _BlockScores:
    """Scores of one block's free numbers."""

    def __init__(self, place: BlockPlace, matrix: Array) -> None:
        self.place, self.matrix, self.size = place, matrix, len(place.rows)
        self.inverse = np.linalg.inv(matrix)
        if self.size:
            self.change = place.change(place.vector(matrix))
            self.moved = np.einsum("kj,jmp->mkp", self.inverse, self.change)  # u → Ω⁻¹dΩ u: [m, k]
            along = np.einsum("kj,jmp->kmp", self.inverse, self.change)  # Ω⁻¹dΩ
            self.inside = np.einsum("jm,mkp->jkp", self.inverse, np.einsum("jmp,mk->jkp", self.change, self.inverse))
            self.trace = np.einsum("jjp->p", along)
            self.turned = np.einsum("jkp,kmr->jmpr", self.change, along)  # dΩ Ω⁻¹dΩ
            self.square = np.einsum("kmp,mkr->pr", along, along)
            self.second = _second(place, place.vector(matrix))

    def score(self, u: Array, there: Array) -> Array:
        """Return the score for u = Ω⁻¹η, shape (subject-chains, numbers); `there` is 0 where η acts on nothing."""
        if self.size == 1 and u.shape[1] == 1:
            alone: Array = 0.5 * (u * u * self.change[0, 0] - there[:, None] * self.trace)
            return alone
        found: Array = 0.5 * (np.einsum("sj,jkp,sk->sp", u, self.change, u) - there[:, None] * self.trace)
        return found

    def complete(self, u: Array, many: float) -> Array:
        """Return minus the second derivatives, added up over `many` subject-chains that are there."""
        squares = u.T @ u
        first = np.einsum("jm,jmpr->pr", squares, self.turned)
        second = 0.5 * np.einsum("jk,jkpr->pr", squares - many * self.inverse, self.second)
        return _even(first - 0.5 * many * self.square - second)


def _second(place: BlockPlace, vector: Array) -> Array:
    """Return d²Ω/dv², shape (active, active, numbers, numbers), by differences of the exact first derivatives."""
    columns = []
    for k in range(len(vector)):
        away = np.zeros(len(vector))
        away[k] = _STEP
        columns.append((place.change(vector + away) - place.change(vector - away)) / (2 * _STEP))
    return np.stack(columns, axis=-1)


__all__ = ["Louis", "LouisSums"]

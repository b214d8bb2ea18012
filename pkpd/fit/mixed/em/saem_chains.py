"""The Markov chains of SAEM: random effects of every subject given its data, several chains side by side.

Four moves: independent proposals from the prior and from a t about the conditional mode (Karimi, Lavielle & Moulines,
Comput Stat Data Anal 2020;141:123-138), whose predictions are computed in one run because they do not wait for each
other; random walks of all random effects and of one that is drawn at random, with steps that adapt while the parameters
are explored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.fit.mixed.em.saem_kernels import (
    choose_independent,
    choose_walk,
    make_keys,
    prior_terms,
    propose_independent,
    propose_walk,
    take_rows,
)
from pkpd.fit.mixed.em.saem_model import ChainModel, canonical_order
from pkpd.fit.mixed.modes.modes import FOUND, Modes
from pkpd.fit.mixed.problem.problem import Problem

PRIOR, CENTRED = 0, 1
_WANTED = (0.44, 0.25)  # acceptance of a step of one random effect and of all
"""Roberts & Rosenthal, Stat Sci 2001;16:351-367."""
_RARE = 0.03  # share of proposals from the prior that are taken, below which they are given up
_EASY = 0.6  # share of iterations in which a chain must have moved by independent proposals


@dataclass(frozen=True)
class Moves:
    """How often each move is made in an iteration: from the prior, about the mode, all at once, one at a time."""

    prior: int = 1
    centred: int = 2
    block: int = 1
    single: int = 1


class Chains:
    """The chains and where they stand.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    copies : int
        Chains of every subject.
    moves : Moves
        What an iteration does.
    seed : int
        Of all random numbers.
    freedom : int
        Degrees of freedom of the t about the modes; even.

    Attributes
    ----------
    order : array of int, shape (subjects,)
        Subjects in the order of the chains, as places in the problem.
    effects : array of int, shape (random effects,)
        Random effects in the order of the chains, as places in `Problem.effects`: by name.
    subject : array of int, shape (copies·subjects,)
        Place in `order`.
    eta : array, shape (copies·subjects, random effects)
        Where the chains stand.
    f : array, shape (rows,)
        Predictions there.
    data, prior : arrays, shape (copies·subjects,)
        −2 log density of the data, and ηᵀΩ⁻¹η.
    """

    def __init__(self, problem: Problem, copies: int, moves: Moves, seed: int, freedom: int) -> None:
        self.source, self.copies, self.moves, self.freedom = problem, copies, moves, freedom
        self.order = canonical_order(problem)
        self.effects = np.argsort(np.array(problem.effects), kind="stable").astype(np.int64)
        count = problem.subjects
        self.kinds = np.array([PRIOR] * moves.prior + [CENTRED] * moves.centred, dtype=np.int64)
        places = np.tile(self.order, copies)
        self.model = ChainModel(problem, places, self.effects)
        self._places = places
        self.wide = ChainModel(problem, np.tile(places, max(len(self.kinds), 1)), self.effects)
        self.subject = np.tile(np.arange(count), copies).astype(np.int64)
        self._keys = np.empty(count * copies, dtype=np.uint64)
        with np.errstate(over="ignore"):
            make_keys(seed, self.subject, np.repeat(np.arange(copies), count).astype(np.int64), self._keys)
        size = len(self.effects)
        self.eta = np.zeros((count * copies, size))
        self.f, self.data = np.empty(len(self.model.lower)), np.empty(count * copies)
        self.prior = np.zeros(count * copies)
        self.centre = np.zeros((count, size))
        self.root: Array = np.tile(np.eye(size), (count, 1, 1))
        self.steps = np.append(np.full(size, 2.0), 2.0 / np.sqrt(max(size, 1)))
        self.easy, self._round, self._made = False, 0, 0
        self._taken_by = np.zeros(count)
        self._tick = 0
        self._pick = np.empty(count * copies, dtype=np.int64)
        self._which = np.empty(count * copies, dtype=np.int64)
        self.reset_counts()

    def reset_counts(self) -> None:
        """Begin to count anew what is tried and taken."""
        self.taken, self.tried = np.zeros(2), np.zeros(2)
        self.walked, self.stepped = np.zeros(len(self.steps)), np.zeros(len(self.steps))

    @property
    def shares(self) -> dict[str, float]:
        """Share of proposals taken since the last `reset_counts`, by move; NaN for a move that is not made."""
        with np.errstate(all="ignore"):
            kinds = self.taken / self.tried
            single = self.walked[:-1].sum() / self.stepped[:-1].sum() if self.moves.single else np.nan
            block = self.walked[-1] / self.stepped[-1]
        return {"prior": float(kinds[PRIOR]), "centred": float(kinds[CENTRED]), "block": float(block),
                "single": float(single)}  # fmt: skip

    def about(self, modes: Modes, matrix: Array, inverse: Array) -> None:
        """Centre the independent proposals at modes with their curvature; where there is none, at 0 with Ω.

        Parameters
        ----------
        modes : Modes
            Of the subjects of the problem, in its order.
        matrix, inverse : arrays, shape (random effects, random effects)
            Ω and Ω⁻¹ in the order of the chains.
        """
        effects = self.model.effects
        at = modes.at
        curved = effects.T @ (0.5 * at.exact[self.order]) @ effects + inverse
        expected = effects.T @ at.expected[self.order] @ effects + inverse
        exact = (modes.status[self.order] == FOUND)[:, None, None] & np.isfinite(curved)
        whole = np.where(exact, curved, np.where(np.isfinite(expected), expected, inverse))
        found = np.isfinite(at.objective[self.order])
        whole[~found] = inverse
        self.centre = np.where(found[:, None], modes.eta[self.order][:, self.effects], 0.0)
        try:
            spread = np.linalg.inv(whole)
            self.root = np.asarray(np.linalg.cholesky(0.5 * (spread + spread.transpose(0, 2, 1))), dtype=np.float64)
        except np.linalg.LinAlgError:  # a curvature that rounding has spoilt: nobody knows whose, so Ω for all
            self.root = np.tile(np.linalg.cholesky(matrix), (len(whole), 1, 1))

    def begin(self, values: Array, errors: Array, inverse: Array) -> None:
        """Put every chain at the centre of its proposals."""
        self.eta = np.tile(self.centre, (self.copies, 1))
        self.refresh(values, errors, inverse)

    def refresh(self, values: Array, errors: Array, inverse: Array, predict: bool = True) -> None:
        """Compute again what belongs to where the chains stand, after parameters have changed.

        Parameters
        ----------
        values : array, shape (parameters,)
            Of all parameters of the population.
        errors : array, shape (errors' parameters,)
            Of the residual errors.
        inverse : array, shape (random effects, random effects)
            Ω⁻¹ in the order of the chains.
        predict : bool
            Whether the predictions have changed.
        """
        self.model.set_values(values)
        self.wide.set_values(values)
        if predict:
            self.f = self.model.predict(self.eta)
        self.data = self.model.densities(self.f, errors)
        prior_terms(self.eta, inverse, self.prior)

    def sweep(self, errors: Array, matrix: Array, inverse: Array, adapt: float) -> None:
        """Make all moves of an iteration.

        Parameters
        ----------
        errors : array, shape (errors' parameters,)
            Values.
        matrix, inverse : arrays, shape (random effects, random effects)
            Ω and Ω⁻¹.
        adapt : float
            How fast the steps of the walks move towards those that are taken as often as is best; 0 keeps them.
        """
        if not len(self.effects):
            return
        with np.errstate(over="ignore"):  # 64 bits wrap around
            if len(self.kinds):
                self._independent(errors, np.asarray(np.linalg.cholesky(matrix), dtype=np.float64), inverse)
            tried, walked = self.stepped.copy(), self.walked.copy()
            for single in self._walks():
                self._walk(errors, inverse, single)
        if adapt:
            new = self.stepped - tried
            used = new > 0
            wanted = np.append(np.full(len(self.effects), _WANTED[0]), _WANTED[1])
            share = (self.walked - walked)[used] / new[used]
            self.steps[used] = np.clip(self.steps[used] * np.exp(adapt * (share - wanted[used])), 1e-3, 20.0)

    def _walks(self) -> list[int]:
        """Return the walks of this iteration: one in turn where every subject takes most proposals about its mode."""
        every = [0] * self.moves.block + [1] * self.moves.single
        self._round += 1
        if not self.easy or not every:
            return every
        return [every[self._round % len(every)]]

    def settle(self) -> None:
        """Decide from what was taken since the last call which moves are worth their cost; count anew.

        Where every subject takes most proposals about its mode, one walk an iteration is enough; proposals from the
        prior are given up where hardly any is taken. Both rest on the past alone, and every chain still reaches all.
        """
        made = self._made * self.copies
        self.easy = made > 0 and bool((self._taken_by >= _EASY * made).all())
        self._taken_by[:], self._made = 0.0, 0
        drawn = self.kinds == PRIOR
        rare = self.tried[PRIOR] > 0 and self.taken[PRIOR] < _RARE * self.tried[PRIOR]
        if rare and drawn.any() and not drawn.all():
            self.kinds = self.kinds[~drawn]
            values = self.model.values
            self.wide = ChainModel(self.source, np.tile(self._places, len(self.kinds)), self.effects)
            self.wide.set_values(values)

    def _independent(self, errors: Array, prior_root: Array, inverse: Array) -> None:
        self._tick += 1
        proposed = np.empty((len(self.kinds) * len(self.subject), len(self.effects)))
        propose_independent(
            self._tick, self._keys, self.subject, self.kinds, prior_root, self.centre, self.root, self.freedom,
            proposed,
        )  # fmt: skip
        f = self.wide.predict(proposed)
        data = self.wide.densities(f, errors)
        choose_independent(
            self._tick, self._keys, self.subject, self.kinds, inverse, self.centre, self.root, self.freedom,
            proposed, data, self.eta, self.data, self.prior, self._pick, self.taken,
        )  # fmt: skip
        self.tried += np.bincount(self.kinds, minlength=2) * len(self.subject)
        self._made += 1
        self._taken_by += np.bincount(self.subject[self._pick >= 0], minlength=len(self._taken_by))
        take_rows(self.model.starts, self._pick, f, self.f)

    def _walk(self, errors: Array, inverse: Array, single: int) -> None:
        self._tick += 1
        proposed = np.empty(self.eta.shape)
        propose_walk(
            self._tick, self._keys, self.subject, self.root, self.steps, single, self.eta, proposed, self._which
        )
        f = self.model.predict(proposed)
        data = self.model.densities(f, errors)
        choose_walk(
            self._tick, self._keys, inverse, self._which, proposed, data, self.eta, self.data, self.prior,
            self._pick, self.stepped, self.walked,
        )  # fmt: skip
        take_rows(self.model.starts, self._pick, f, self.f)


def present(problem: Problem, order: Integers, effects: Integers) -> Array:
    """Return 1 where a random effect can act on a subject and 0 where its occasion does not occur there.

    Parameters
    ----------
    order, effects : arrays of int
        As `Chains` has them.

    Returns
    -------
    array, shape (subjects, random effects)
    """
    data = problem.data
    mask = np.ones((len(order), len(effects)))
    columns = list(data.model.covariates)
    for place, k in enumerate(effects):
        name = problem.effects[k]
        if not name.startswith("kappa_"):
            continue
        marks = data.covariates[:, columns.index(f"occasion_{name.rsplit('_', 1)[1]}")]
        occurs = np.bincount(data.value_subject, np.abs(marks), problem.subjects) > 0
        mask[:, place] = occurs[order]
    return mask

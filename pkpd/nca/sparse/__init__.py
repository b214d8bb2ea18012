"""Sparse non-compartmental analysis: few samples per subject, pooled over subjects.

The module is the verb itself: ``pkpd.nca.sparse(times, values, subjects)``.
"""

from __future__ import annotations

from pkpd.nca.sparse.compare import sparse_difference, sparse_ratio
from pkpd.nca.sparse.labelled import nca_sparse
from pkpd.nca.sparse.parameters import SPARSE_PARAMETERS, SparseParameter
from pkpd.nca.sparse.pooled import sparse
from pkpd.nca.sparse.result import SparseResult
from pkpd.nca.sparse.rules import SPARSE_PRESETS, SparseRules
from pkpd.nca.sparse.sides import SparseComparison
from pkpd.nca.verb import make_verb

__all__ = [
    "SPARSE_PARAMETERS",
    "SPARSE_PRESETS",
    "SparseComparison",
    "SparseParameter",
    "SparseResult",
    "SparseRules",
    "nca_sparse",
    "sparse",
    "sparse_difference",
    "sparse_ratio",
]

make_verb(__name__, sparse)

"""Sparse fields fitted to trajectories by multiple shooting (numpy and scipy alone)."""

from skdyn.sparse.field import SparseField
from skdyn.sparse.functions import ScalarFunction
from skdyn.sparse.model import SparseODE, Stage
from skdyn.sparse.prior import FieldPrior
from skdyn.sparse.search import fit_sparse

__all__ = ["FieldPrior", "ScalarFunction", "SparseField", "SparseODE", "Stage", "fit_sparse"]

"""Sparse fields fitted to trajectories by multiple shooting.

`fit_sparse` is the way in. Behind it, each file holds one idea: ``scaled_context`` what is observed, ``library`` and
``functions`` which terms there are, ``prior`` what is believed, ``problem`` what can be done with candidates for all of
these (propose, polish, expand, errors), ``score`` how fields compare, ``search`` how libraries are searched,
``fitting`` which and in which order, and ``field`` and ``model`` what comes out.
"""

from skdyn.sparse.constraints import Constraints
from skdyn.sparse.field import SparseField
from skdyn.sparse.fitting import fit_sparse
from skdyn.sparse.functions import ScalarFunction
from skdyn.sparse.model import SparseODE, Stage
from skdyn.sparse.prior import FieldPrior
from skdyn.sparse.problem import ShootingProblem
from skdyn.sparse.term_choice import Library

__all__ = [
    "Constraints",
    "FieldPrior",
    "Library",
    "ScalarFunction",
    "ShootingProblem",
    "SparseField",
    "SparseODE",
    "Stage",
    "fit_sparse",
]

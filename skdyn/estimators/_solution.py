"""What answers for a fitted estimator of an ODE: a pretrained field, found equations, or these with its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdyn.dynamics.simulate import MOST_EVALUATIONS
from skdyn.estimators._field import BaseDynamicsEstimator
from skdyn.estimators._session import FieldSession
from skdyn.estimators._symbolic import SymbolicField


class Solution(Protocol):
    """A field with its error and derivatives, and with limits that simulations may leave."""

    most_evaluations: ClassVar[int]

    def field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Field (N, D) at points (N, D), and the scale of its error (N, D) where there is one."""

    def velocity(self, points: np.ndarray) -> np.ndarray:
        """Field (N, D) alone."""

    def field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field (N, D) and Jacobian (N, D, D)."""

    def check_paths(self, paths: np.ndarray) -> None:
        """Warn of what is wrong with simulated paths (N, L, D)."""


@dataclass(frozen=True)
class PretrainedSolution:
    """The field of a pretrained model."""

    most_evaluations: ClassVar[int] = 2500  # each takes about ten milliseconds on one core

    session: FieldSession

    def field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Field (N, D) and the scale of its error."""
        return self.session.field(points)

    def velocity(self, points: np.ndarray) -> np.ndarray:
        """Field (N, D)."""
        return self.session.field(points)[0]

    def field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field (N, D) and Jacobian (N, D, D)."""
        return self.session.field_jacobian(points)

    def check_paths(self, paths: np.ndarray) -> None:
        """Nothing: the model knows no limits."""


@dataclass(frozen=True)
class SymbolicSolution:
    """The field of found equations; away from the observed states, the error of a pretrained field counts too."""

    most_evaluations: ClassVar[int] = MOST_EVALUATIONS

    symbolic: SymbolicField
    pretrained: FieldSession | None = None

    def field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Field (N, D) and the scale of its error."""
        elsewhere = None if self.pretrained is None else self.pretrained.field(points)[1]
        return self.symbolic.field(points), self.symbolic.scale(points, elsewhere)

    def velocity(self, points: np.ndarray) -> np.ndarray:
        """Field (N, D)."""
        return self.symbolic.field(points)

    def field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field (N, D) and Jacobian (N, D, D)."""
        return self.symbolic.field_jacobian(points)

    def check_paths(self, paths: np.ndarray) -> None:
        """Warn if they leave the trusted box."""
        self.symbolic.warn_where_left(paths)


class SolvedODEEstimator(BaseDynamicsEstimator):
    """Base class of estimators whose `_fit` leaves a solution behind: it answers, and has equations or none."""

    _solution: Solution
    _symbolic: SymbolicField | None

    @property
    def most_evaluations(self) -> int:
        """Evaluations of the field that one simulation or score may take: few of a network, many of equations."""
        return self._solution.most_evaluations

    def _field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        return self._solution.field(points)

    def _velocity(self, points: np.ndarray) -> np.ndarray:
        return self._solution.velocity(points)

    def _field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._solution.field_jacobian(points)

    def _check_paths(self, paths: np.ndarray) -> None:
        self._solution.check_paths(paths)

    def equations(self, precision: int = 3) -> list[str]:
        """Return one readable equation a variable, in the user's names and units.

        Parameters
        ----------
        precision : int, default=3
            Significant digits of the coefficients, and of the constants inside functions.

        Raises
        ------
        ValueError
            If the fit looked for no equations.
        """
        return self._said_per_unit(self._equations().equations(precision))

    def to_sympy(self) -> list[Any]:
        """Return the right-hand sides as sympy expressions, one a variable; needs the extra ``symbolic``."""
        return self._equations().to_sympy()

    def _equations(self) -> SymbolicField:
        check_is_fitted(self)
        if self._symbolic is None:
            raise ValueError("there are no equations: this estimator was fitted with refine=None; use refine='sparse'")
        return self._symbolic

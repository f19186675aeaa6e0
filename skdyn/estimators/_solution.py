"""What answers for a fitted estimator of an ODE: a pretrained field, found equations, or these with its error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdyn.data.parameters import RandomState, check_number, read_generator
from skdyn.dynamics.simulate import MOST_EVALUATIONS
from skdyn.estimators._equations import NamedEquations
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

    def sample(self, points: np.ndarray, samples: int, seed: int) -> np.ndarray:
        """Plausible fields (S, N, D) at points (N, D), with the deviation that the error's scale says."""

    def check_paths(self, paths: np.ndarray) -> None:
        """Warn of what is wrong with simulated paths (N, L, D)."""


@dataclass(frozen=True)
class PretrainedSolution:
    """The field of a pretrained model."""

    most_evaluations: ClassVar[int] = 2000  # each takes up to about ten milliseconds on one core

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

    def sample(self, points: np.ndarray, samples: int, seed: int) -> np.ndarray:
        """Fields (S, N, D) between which the model cannot tell."""
        return self.session.sample(points, samples, seed)

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

    def sample(self, points: np.ndarray, samples: int, seed: int) -> np.ndarray:
        """Fields (S, N, D) that fit nearly as well; away from the observed states the pretrained ones count too."""
        other = elsewhere = None
        if self.pretrained is not None:
            center, other = self.pretrained.field(points)
            if other is not None:
                elsewhere = self.pretrained.sample(points, samples, seed) - center, other
        return self.symbolic.sample(points, self.symbolic.scale(points, other), samples, seed, elsewhere)

    def check_paths(self, paths: np.ndarray) -> None:
        """Warn if they leave the trusted box."""
        self.symbolic.warn_where_left(paths)


@dataclass(frozen=True)
class SampledFields:
    """Plausible whole fields; the same ones at every call.

    Parameters
    ----------
    solution : Solution
    check : callable
        Reads states, or refuses them.
    n_samples, seed : int
    """

    solution: Solution
    check: Callable[[Any], np.ndarray]
    n_samples: int
    seed: int

    def __len__(self) -> int:
        return self.n_samples

    def __repr__(self) -> str:
        return f"<{self.n_samples} sampled fields>"

    def __call__(self, points: Any) -> np.ndarray:
        """Fields of shape (n_samples, ..., D) at states of shape (..., D), in units of state per unit of time."""
        points = self.check(points)
        flat = points.reshape(-1, points.shape[-1])
        return self.solution.sample(flat, self.n_samples, self.seed).reshape(self.n_samples, *points.shape)


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

    def sample_fields(self, n_samples: int = 20, random_state: RandomState = None) -> SampledFields:
        """Draw whole fields that are plausible given the data.

        At every state their mean is the field and their standard deviation that of its predicted error, the square
        root of 2 times the scale that `vector_field` returns; from state to state they vary smoothly, along what the
        data leave open. Any property of a field (an equilibrium, a simulation) thereby gets a distribution.

        Parameters
        ----------
        n_samples : int, default=20
        random_state : int, Generator, RandomState or None, default=None

        Returns
        -------
        SampledFields
            To be called with states of shape (..., D), for an array of shape (n_samples, ..., D).

        Examples
        --------
        >>> import numpy as np
        >>> from skdyn import FIMODERegressor
        >>> t = np.linspace(0, 10, 100)
        >>> est = FIMODERegressor().fit([(t, np.column_stack([np.cos(t), -np.sin(t)]))])
        >>> fields = est.sample_fields(50, random_state=0)
        >>> fields([[1.0, 0.0], [0.0, 1.0]]).shape
        (50, 2, 2)
        """
        check_is_fitted(self)
        check_number("n_samples", n_samples, whole=True)
        seed = int(read_generator(random_state).integers(2**63))
        return SampledFields(self._solution, self._check_points, int(n_samples), seed)

    def equations(self, precision: int = 3) -> list[str]:
        """Return one readable equation a variable, in the user's names and units.

        Where equations were searched for, they are those. Otherwise, of a model that weighs sparse fits, they are a
        sparse fit with which most of the field agrees on the observed states: found in the one pass, without a search.
        How much of the field agrees is said by `equation_shares`.

        Parameters
        ----------
        precision : int, default=3
            Significant digits of the coefficients, and of the constants inside functions.

        Raises
        ------
        ValueError
            If nothing was searched for, and no sparse fit carries the field.
        """
        return self._said_per_unit(self._equations().text(precision))

    def equation_shares(self) -> np.ndarray:
        """Share (D,) of the field that agrees with each of the `equations`; one where they were searched for.

        Without a search the field is a weighted mean of many answers; the share is the mean weight, on the observed
        states, of those that differ from the equation by less than a tenth of the field's typical size.
        """
        return self._equations().shares.copy()

    def to_sympy(self) -> list[Any]:
        """Return the right-hand sides as sympy expressions, one a variable; needs the extra ``symbolic``."""
        return self._equations().to_sympy()

    def _equations(self) -> NamedEquations:
        check_is_fitted(self)
        if self._symbolic is not None:
            return self._symbolic.named
        return self._equations_in_one_pass()

    def _equations_in_one_pass(self) -> NamedEquations:
        """Equations of an estimator that searched for none; a subclass whose model weighs sparse fits has some."""
        raise ValueError("there are no equations: nothing was searched for")

"""What answers for a fitted estimator of an ODE: a pretrained field, found equations, or these with its error."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdyn.data.parameters import RandomState, check_number, read_generator
from skdyn.data.trajectories import Trajectories
from skdyn.dynamics.evidence import PlausibleFields
from skdyn.dynamics.simulate import MOST_EVALUATIONS
from skdyn.estimators._dynamics import BaseDynamicsEstimator
from skdyn.estimators._equations import NamedEquations
from skdyn.estimators._session import FieldSession
from skdyn.estimators._symbolic import SymbolicField
from skdyn.sparse.evidence import EquationEvidence


class Solution(Protocol):
    """A field with its error and derivatives, and with limits that simulations may leave."""

    most_evaluations: ClassVar[int]
    search_margin: ClassVar[float]

    def field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Field (N, D) at points (N, D), and the scale of its error (N, D) where there is one."""

    def velocity(self, points: np.ndarray) -> np.ndarray:
        """Field (N, D) alone."""

    def velocity_alike(self, points: np.ndarray) -> np.ndarray:
        """Field (N, D) in which a row does not see how many there are."""

    def field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field (N, D) and Jacobian (N, D, D)."""

    def sample(self, points: np.ndarray, samples: int, seed: int) -> np.ndarray:
        """Plausible fields (S, N, D) at points (N, D), with the deviation that the error's scale says."""

    def plausible(self, samples: int, seed: int) -> PlausibleFields:
        """Fields between which the data cannot tell."""

    @property
    def equations(self) -> SymbolicField | None:
        """The equations that the field is, if it is any."""

    def check_paths(self, paths: np.ndarray) -> None:
        """Warn of what is wrong with simulated paths (N, L, D)."""


@dataclass(frozen=True)
class PretrainedSolution:
    """The field of a pretrained model."""

    most_evaluations: ClassVar[int] = 2000  # each takes up to about ten milliseconds on one core
    search_margin: ClassVar[float] = 0.25

    session: FieldSession

    def field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Field (N, D) and the scale of its error."""
        return self.session.field(points)

    def velocity(self, points: np.ndarray) -> np.ndarray:
        """Field (N, D)."""
        return self.session.velocity(points)

    def velocity_alike(self, points: np.ndarray) -> np.ndarray:
        """Field (N, D), to the last bit whatever the number of states up to the usual one."""
        return self.session.velocity(points, alike=True)

    def field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field (N, D) and Jacobian (N, D, D)."""
        return self.session.field_jacobian(points)

    def sample(self, points: np.ndarray, samples: int, seed: int) -> np.ndarray:
        """Fields (S, N, D) between which the model cannot tell."""
        return self.session.sample(points, samples, seed)

    def plausible(self, samples: int, seed: int) -> PlausibleFields:
        """The same fields as those of `sample`, each at its own states."""
        own = np.arange(samples)

        def at(points: np.ndarray) -> np.ndarray:
            found = self.sample(points.reshape(-1, points.shape[-1]), samples, seed)
            found = found.reshape(samples, *points.shape[:-1], -1)
            return found[own, own if len(points) > 1 else 0]

        return at

    @property
    def equations(self) -> None:
        """None: the model's field is no equation."""

    def check_paths(self, paths: np.ndarray) -> None:
        """Nothing: the model knows no limits."""


@dataclass(frozen=True)
class SymbolicSolution:
    """The field of found equations; away from the observed states, the error of a pretrained field counts too."""

    most_evaluations: ClassVar[int] = MOST_EVALUATIONS
    search_margin: ClassVar[float] = 0.5  # equations may say where a curve leads that the data do not reach

    symbolic: SymbolicField
    pretrained: FieldSession | None = None

    def field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Field (N, D) and the scale of its error."""
        elsewhere = None if self.pretrained is None else self.pretrained.field(points)[1]
        return self.symbolic.field(points), self.symbolic.scale(points, elsewhere)

    def velocity(self, points: np.ndarray) -> np.ndarray:
        """Field (N, D)."""
        return self.symbolic.field(points)

    def velocity_alike(self, points: np.ndarray) -> np.ndarray:
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

    def plausible(self, samples: int, seed: int) -> PlausibleFields:
        """Other equations that fit nearly as well, and these with other coefficients; away from the data, more."""
        return self.symbolic.plausible(samples, seed)

    @property
    def equations(self) -> SymbolicField:
        """The found equations."""
        return self.symbolic

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
    flat : callable
        Puts inputs and parameters beside states, as rows.
    n_samples, seed : int
    """

    solution: Solution
    check: Callable[[Any], np.ndarray]
    flat: Callable[[np.ndarray, Any, Any], np.ndarray]
    n_samples: int
    seed: int

    def __len__(self) -> int:
        return self.n_samples

    def __repr__(self) -> str:
        return f"<{self.n_samples} sampled fields>"

    def __call__(self, points: Any, *, inputs: Any = None, parameters: Any = None) -> np.ndarray:
        """Fields of shape (n_samples, ..., D) at states of shape (..., D), in units of state per unit of time."""
        points = self.check(points)
        flat = self.flat(points, inputs, parameters)
        drawn = self.solution.sample(flat, self.n_samples, self.seed)
        BaseDynamicsEstimator._check_finite(flat, drawn.transpose(1, 0, 2))
        return drawn.reshape(self.n_samples, *points.shape)


class SolvedODEEstimator(BaseDynamicsEstimator):
    """Base class of estimators whose `_fit` leaves a solution behind: it answers, and has equations or none."""

    _solution: Solution
    _filled: Trajectories
    """The context with what is missing filled in, which a subclass that keeps gaps sets in `_fit`."""

    @property
    def _context_as_given(self) -> Trajectories:
        return vars(self).get("_with_gaps", self.context_)

    def _remember(self, context: Trajectories) -> None:
        filled = vars(self).get("_filled", context)
        if filled is not context:
            self._with_gaps = context
        super()._remember(filled)

    @property
    def most_evaluations(self) -> int:
        """Evaluations of the field that one simulation or score may take: few of a network, many of equations."""
        return self._solution.most_evaluations

    def _field(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        return self._solution.field(points)

    def _velocity(self, points: np.ndarray) -> np.ndarray:
        return self._solution.velocity(points)

    def _velocity_alike(self, points: np.ndarray) -> np.ndarray:
        return self._solution.velocity_alike(points)

    def _field_jacobian(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._solution.field_jacobian(points)

    def _check_paths(self, paths: np.ndarray) -> None:
        self._solution.check_paths(paths)

    def _plausible_fields(self, samples: int, seed: int) -> PlausibleFields:
        return self._solution.plausible(samples, seed)

    @property
    def _search_margin(self) -> float:
        return self._solution.search_margin

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
        now = copy(self)  # of this fit, whatever it is fitted to later
        return SampledFields(now._solution, now._check_points, now._flat, int(n_samples), seed)

    def equations(self, precision: int | None = None, *, standard_errors: bool = False) -> list[str]:
        """Return one readable equation a variable, in the user's names and units.

        Where equations were searched for and are what answers, they are those. Otherwise, of a model that weighs sparse
        fits, they are a sparse fit with which most of the field agrees on the observed states: found in the one pass,
        without a search. How much of the field agrees is said by `equation_shares`, how sure the terms are by
        `equation_evidence`.

        Parameters
        ----------
        precision : int, optional
            Significant digits of the coefficients, and of the constants inside functions. By default as many, three at
            least, as it takes for the printed equation to differ from the unrounded one at the observed states by less
            than a thousandth of its root mean square.
        standard_errors : bool, default=False
            Write the standard errors beside the coefficients; only where equations were searched for. They are given
            the terms: whether a term belongs there is another question.

        Raises
        ------
        ValueError
            If no equations are in use, and no sparse fit carries the field.
        """
        precision = _check_precision(precision)
        return self._said_per_unit(self._equations().text(precision, standard_errors))

    def alternative_equations(self, precision: int | None = None) -> list[list[str]]:
        """Return other equations that fit nearly as well as those that are in use, best first.

        Parameters
        ----------
        precision : int, optional
            See `equations`.

        Returns
        -------
        list of lists of D str
            Empty where the search found nothing nearly as good, or nothing was searched for.
        """
        precision = _check_precision(precision)
        found = self._equations()
        return [self._said_per_unit(replace(found, field=other).text(precision)) for other in found.alternatives]

    def to_latex(self, precision: int | None = None) -> str:
        """Return the equations as the rows of an ``aligned`` environment, for LaTeX in mathematical mode.

        Parameters
        ----------
        precision : int, optional
            See `equations`.
        """
        rows = self._equations().latex(_check_precision(precision))
        unit = self.context_.time_unit
        equals = " &= " if unit is None else rf"\ [\text{{per {unit}}}] &= "
        body = " \\\\\n".join(row.replace(" = ", equals, 1) for row in rows)
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"

    def equation_evidence(
        self, n_fits: int = 50, *, n_jobs: int | None = None, random_state: RandomState = 0
    ) -> EquationEvidence:
        """Fit the equations again to resampled data, and say in which share of the fits each term survives.

        Each time as many blocks of neighbouring points are drawn with replacement as there are (whole trajectories,
        where there are many), as in the bootstrap, and points count as often as they were drawn. From the found
        equation and its alternatives, terms are added, dropped and exchanged anew; no fit searches from the beginning,
        so that the shares are of the library of the found equation, and of the same prior.

        Parameters
        ----------
        n_fits : int, default=50
            Each takes about a tenth of the time of `fit`.
        n_jobs : int, optional
            Processes, as in scikit-learn; one by default.
        random_state : int, Generator, RandomState or None, default=0

        Returns
        -------
        skdyn.sparse.evidence.EquationEvidence
            To be printed, or read term by term.

        Raises
        ------
        ValueError
            If no searched equations are in use.

        References
        ----------
        Resampling to judge selected terms: N. Meinshausen and P. Buehlmann (2010), J. R. Statist. Soc. B 72:417.
        Blocks: H. R. Kuensch (1989), Ann. Statist. 17:1217.
        """
        check_is_fitted(self)
        check_number("n_fits", n_fits, whole=True)
        seed = int(read_generator(random_state).integers(2**63))
        searched = self._solution.equations
        if searched is None:
            raise ValueError(
                "there is no evidence for terms of equations that were not searched for, or are not in use: use "
                "refine='sparse'"
            )
        return searched.evidence(self._context_as_given, int(n_fits), n_jobs, seed)

    @property
    def equations_in_use(self) -> bool:
        """Whether the `equations` are what answers: they were searched for, and are not the leading part of a field."""
        check_is_fitted(self)
        return self._solution.equations is not None

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
        searched = self._solution.equations
        return self._equations_in_one_pass() if searched is None else searched.named

    def _equations_in_one_pass(self) -> NamedEquations:
        """Equations of an estimator that uses none; a subclass whose model weighs sparse fits has some."""
        raise ValueError("there are no equations: nothing was searched for")


def _check_precision(precision: int | None) -> int | None:
    if precision is None:
        return None
    check_number("precision", precision, whole=True)
    return min(int(precision), 17)

"""One step of two pairs of one-step methods, each of N states at step sizes of its own, as a polynomial in time.

Letters: N states, D variables, S stages. Nothing in a row depends on any other row, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

RightHandSide = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Slopes (N, D) at times (N,) and states (N, D)."""


@dataclass(frozen=True)
class Step:
    """What one step of N states came to.

    Attributes
    ----------
    end : array of shape (N, D)
    error : array of shape (N, D)
        Estimate of the end's error.
    curve : array of shape (4, N, D)
        ``start + sum_p curve[p] s**(p + 1)`` is the state at the share s of the step.
    slope : array of shape (N, D), or None
        At the end, where it is known.
    stiffness : array of shape (N,)
        Step size times an estimate of the right-hand side's fastest rate.
    """

    end: np.ndarray
    error: np.ndarray
    curve: np.ndarray
    slope: np.ndarray | None
    stiffness: np.ndarray


def _combined(weights: np.ndarray, stages: np.ndarray) -> np.ndarray:
    """Weighted sum over the first axis, in one order whatever the shape."""
    return (weights[:, None, None] * stages[: len(weights)]).sum(axis=0)


class DormandPrince:
    """The explicit pair of orders 5(4) of Dormand and Prince (J. Comput. Appl. Math. 6, 1980), with an interpolant.

    The interpolant is of fourth order (Shampine, Math. Comput. 46, 1986), the estimate of stiffness that of Hairer and
    Wanner (Solving Ordinary Differential Equations II, 1996, section IV.2).
    """

    order: ClassVar[int] = 5
    evaluations: ClassVar[int] = 6
    nodes: ClassVar[np.ndarray] = np.array([0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1])
    weights: ClassVar[list[np.ndarray]] = [
        np.array([1 / 5]),
        np.array([3 / 40, 9 / 40]),
        np.array([44 / 45, -56 / 15, 32 / 9]),
        np.array([19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729]),
        np.array([9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656]),
        np.array([35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84]),
    ]
    errors: ClassVar[np.ndarray] = np.array([-71 / 57600, 0, 71 / 16695, -71 / 1920, 17253 / 339200, -22 / 525, 1 / 40])
    interpolant: ClassVar[np.ndarray] = np.array(
        [
            [1, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432],
            [0, 0, 0, 0],
            [0, 131558114200 / 32700410799, -68118460800 / 10900136933, 87487479700 / 32700410799],
            [0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072],
            [0, 127303824393 / 49829197408, -318862633887 / 49829197408, 701980252875 / 199316789632],
            [0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844],
            [0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423],
        ]
    )

    @classmethod
    def step(cls, field: RightHandSide, t: np.ndarray, z: np.ndarray, slope: np.ndarray, h: np.ndarray) -> Step:
        """Step from states ``z`` at times ``t`` with slopes ``slope`` by ``h`` (N,)."""
        size = h[:, None]
        stages = np.empty((7, *z.shape))
        stages[0] = slope
        last = z
        for i, weights in enumerate(cls.weights, 1):
            before, last = last, z + size * _combined(weights, stages)
            stages[i] = field(t + cls.nodes[i] * h, last)
        apart = np.linalg.norm(last - before, axis=1)
        rate = np.linalg.norm(stages[6] - stages[5], axis=1) / np.where(apart > 0, apart, np.inf)
        return Step(
            end=last,
            error=size * _combined(cls.errors, stages),
            curve=np.stack([size * _combined(weights, stages) for weights in cls.interpolant.T]),
            slope=stages[6],
            stiffness=h * rate,
        )


class Rodas4:
    """The linearly implicit pair RODAS of orders 4(3), stiffly accurate and L-stable, with its interpolant of order 3.

    Each stage is one solution of ``(I / (h gamma) - J) k = ...`` with the Jacobian J (Hairer and Wanner, Solving
    Ordinary Differential Equations II, 1996, section IV.7 and appendix).
    """

    order: ClassVar[int] = 4
    evaluations: ClassVar[int] = 5
    gamma: ClassVar[float] = 0.25
    nodes: ClassVar[np.ndarray] = np.array([0, 0.386, 0.21, 0.63, 1, 1])
    weights: ClassVar[list[np.ndarray]] = [
        np.array([1.544]),
        np.array([0.9466785280815826, 0.2557011698983284]),
        np.array([3.314825187068521, 2.896124015972201, 0.9986419139977817]),
        np.array([1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895]),
        np.array([1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895, 1]),
    ]
    couplings: ClassVar[list[np.ndarray]] = [
        np.array([-5.6688]),
        np.array([-2.430093356833875, -0.2063599157091915]),
        np.array([-0.1073529058151375, -9.594562251023355, -20.47028614809616]),
        np.array([7.496443313967647, -10.24680431464352, -33.99990352819905, 11.7089089320616]),
        np.array([8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054]),
    ]
    of_time: ClassVar[np.ndarray] = np.array([0.25, -0.1043, 0.1035, -0.03620000000000023, 0, 0])
    interpolant: ClassVar[list[np.ndarray]] = [
        np.array([10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823, 1.025137723295662]),
        np.array([-0.6762803392801253, 6.087714651680015, 16.43084320892478, 24.76722511418386, -6.594389125716872]),
    ]

    @classmethod
    def step(
        cls,
        field: RightHandSide,
        t: np.ndarray,
        z: np.ndarray,
        slope: np.ndarray,
        jacobian: np.ndarray,
        by_time: np.ndarray,
        h: np.ndarray,
    ) -> Step:
        """Step by ``h`` (N,) from states ``z`` with slopes, Jacobians (N, D, D) and derivatives by time (N, D)."""
        size = h[:, None]
        matrices = np.eye(z.shape[1]) / (size * cls.gamma)[..., None] - jacobian
        stages = np.empty((6, *z.shape))
        stages[0] = solved(matrices, slope + size * cls.of_time[0] * by_time)
        last = z
        for i, (weights, couplings) in enumerate(zip(cls.weights, cls.couplings, strict=True), 1):
            last = z + _combined(weights, stages)
            drive = field(t + cls.nodes[i] * h, last) + _combined(couplings, stages) / size
            stages[i] = solved(matrices, drive + size * cls.of_time[i] * by_time)
        end = last + stages[5]
        second, third = (_combined(weights, stages) for weights in cls.interpolant)
        return Step(
            end=end,
            error=stages[5],
            curve=np.stack([end - z + second, third - second, -third, np.zeros_like(z)]),
            slope=None,
            stiffness=h * np.abs(jacobian).sum(axis=2).max(axis=1),
        )


def solved(matrices: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solutions (N, D) of systems (N, D, D); a singular one gives NaN to its row alone."""
    try:
        return np.linalg.solve(matrices, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        singular = np.linalg.matrix_rank(np.nan_to_num(matrices)) < matrices.shape[1]
        passable = np.where(singular[:, None, None], np.eye(matrices.shape[1]), matrices)
        return np.where(singular[:, None], np.nan, np.linalg.solve(passable, right[..., None])[..., 0])

"""Batched fixed-step integration: one fused step, replayed as a CUDA graph on a GPU, eager elsewhere.

Letters: S systems, P paths per system, L points per path, D dimensions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from pretrain.priors.base import BatchedField, Rates, form_of, map_tensors, tensors_of

Step = Callable[[BatchedField, Rates, Tensor, Tensor], tuple[Rates, Tensor]]


def _axpy(x: Rates, scale: Tensor, y: Rates) -> Rates:
    return tuple(torch.addcmul(a, scale, b) for a, b in zip(x, y, strict=True))


def rk4_step(field: BatchedField, x: Rates, h: Tensor, scale: Tensor) -> tuple[Rates, Tensor]:
    """One classical Runge-Kutta step with an indicator of its error.

    Parameters
    ----------
    field : BatchedField
    x : D tensors of shape (S, P)
    h : Tensor of shape (S, 1)
        Step sizes.
    scale : Tensor of shape (S, 1)
        Size of the states that an error is compared with.

    Returns
    -------
    x : D tensors of shape (S, P)
    indicator : Tensor of shape (S, P)
        ``h |k3 - k2| / scale``, of third order in h; on a harmonic oscillation with angle a per step it is about
        ``a^3 / 4``, while the step's own error is ``a^5 / 120``.
    """
    k1 = field.rates(x)
    k2 = field.rates(_axpy(x, h / 2, k1))
    k3 = field.rates(_axpy(x, h / 2, k2))
    k4 = field.rates(_axpy(x, h, k3))
    slope = tuple((a + 2 * (b + c) + d) / 6 for a, b, c, d in zip(k1, k2, k3, k4, strict=True))
    indicator = (k3[0] - k2[0]).abs()
    for b, c in zip(k2[1:], k3[1:], strict=True):
        indicator = torch.maximum(indicator, (c - b).abs())
    return _axpy(x, h, slope), indicator * (h / scale)


def euler_step(field: BatchedField, x: Rates, h: Tensor, scale: Tensor) -> tuple[Rates, Tensor]:
    """One explicit Euler step; it offers no error indicator (zeros)."""
    return _axpy(x, h, field.rates(x)), torch.zeros_like(x[0])


STEPS: dict[str, Step] = {"rk4": rk4_step, "euler": euler_step}


class Integrator:
    """Integrate batches of fields; compiled steps and captured graphs are kept for the next batch of equal shape.

    Parameters
    ----------
    method : {"rk4", "euler"}
    substeps : int
        Steps between two recorded points.
    compiled : bool
        Compile the step into one kernel with ``torch.compile``. Where that fails, a message goes to stderr and the
        eager step is used.
    """

    def __init__(self, method: str = "rk4", substeps: int = 4, compiled: bool = False) -> None:
        self.substeps = substeps
        self.compiled = compiled
        self._eager = STEPS[method]
        self._intervals: dict[Any, _Interval] = {}

    def __call__(
        self, field: BatchedField, start: Tensor, horizon: Tensor, points: int, scale: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Integrate from ``start`` over ``horizon``.

        Parameters
        ----------
        field : BatchedField
        start : Tensor of shape (S, P, D)
        horizon : Tensor of shape (S,)
            Time of the last point.
        points : int
            Evenly spaced recorded points, the initial state included.
        scale : Tensor of shape (S,), optional
            Size of the states, for the error indicator; one by default.

        Returns
        -------
        states : Tensor of shape (S, P, L, D)
            Not finite from where a path has diverged.
        indicator : Tensor of shape (S, P)
            Largest error indicator of any step; see `rk4_step`.
        """
        h = (horizon / ((points - 1) * self.substeps))[:, None].to(start.dtype)
        scale = torch.ones_like(h) if scale is None else scale[:, None].to(start.dtype)
        interval = self._interval(field, start, h, scale)
        states = start.new_empty(*start.shape[:2], points, start.shape[2])
        states[:, :, 0] = start
        for i in range(1, points):
            interval.advance()
            for d, component in enumerate(interval.x):
                states[:, :, i, d] = component
        return states, interval.indicator.clone()

    def _interval(self, field: BatchedField, start: Tensor, h: Tensor, scale: Tensor) -> _Interval:
        key = (form_of(field), tuple(start.shape), start.dtype, start.device)
        if key not in self._intervals:
            step = _compiled(self._eager, key) if self.compiled else self._eager
            try:
                self._intervals[key] = _Interval(step, self.substeps, field, start, h, scale)
            except Exception as error:  # whatever a compiler raises
                if not self.compiled:
                    raise
                print(f"simulator: compiling failed, using the eager step ({error})", file=sys.stderr)
                self.compiled = False
                self._intervals[key] = _Interval(self._eager, self.substeps, field, start, h, scale)
        interval = self._intervals[key]
        interval.load(field, start, h, scale)
        return interval


@cache
def _compiled(step: Step, key: Any) -> Step:
    """The step compiled for one kind of batch.

    Each kind gets its own copy of the function, because the compiler bounds the number of variants per function: past
    it, the rest would silently run eagerly.
    """
    assert isinstance(step, FunctionType)
    copy = FunctionType(step.__code__.replace(), step.__globals__, step.__name__)
    return torch.compile(copy, dynamic=False)


class _Interval:
    """The steps between two recorded points, on buffers that stay in place so that a CUDA graph can replay them."""

    def __init__(self, step: Step, substeps: int, field: BatchedField, start: Tensor, h: Tensor, scale: Tensor) -> None:
        self._step = step
        self._substeps = substeps
        self._field = map_tensors(field, torch.clone)
        self._h, self._scale = h.clone(), scale.clone()
        self.x: Rates = tuple(component.clone(memory_format=torch.contiguous_format) for component in start.unbind(-1))
        self.indicator = torch.zeros_like(self.x[0])
        self._graph: torch.cuda.CUDAGraph | None = None
        if start.is_cuda:
            self._capture()
        else:
            self._run()  # a compiler's failure shows here

    def load(self, field: BatchedField, start: Tensor, h: Tensor, scale: Tensor) -> None:
        for mine, given in zip(tensors_of(self._field), tensors_of(field), strict=True):
            mine.copy_(given)
        for component, given in zip(self.x, start.unbind(-1), strict=True):
            component.copy_(given)
        self._h.copy_(h)
        self._scale.copy_(scale)
        self.indicator.zero_()

    def advance(self) -> None:
        if self._graph is None:
            self._run()
        else:
            self._graph.replay()

    def _run(self) -> None:
        x, indicator = self.x, self.indicator
        for _ in range(self._substeps):
            x, error = self._step(self._field, x, self._h, self._scale)
            indicator = torch.maximum(indicator, error)
        for mine, new in zip(self.x, x, strict=True):
            mine.copy_(new)
        self.indicator.copy_(indicator)

    def _capture(self) -> None:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._run()
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        # Only this thread's calls are forbidden meanwhile: NCCL has a thread of its own that asks about events.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._run()

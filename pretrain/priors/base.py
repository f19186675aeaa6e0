"""The two interfaces of the priors: a batch of vector fields, and a family that samples such batches.

Letters: S systems, P points per system, D dimensions.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

Rates = tuple[Tensor, ...]
FieldT = TypeVar("FieldT", bound="BatchedField")


@dataclass(frozen=True)
class Start:
    """Where trajectories begin: ``centre + spread * N(0, 1)``, folded to positive values where asked.

    Attributes
    ----------
    centre : Tensor of shape (S, D)
    spread : Tensor of shape (S, D)
    positive : boolean Tensor of shape (S,)
    """

    centre: Tensor
    spread: Tensor
    positive: Tensor


@dataclass(frozen=True)
class BatchedField(ABC):
    """S autonomous vector fields of the same dimension and form; every tensor has the systems as its first axis.

    A subclass holds its parameters as tensors and writes the formula in `rates`, one tensor per dimension: that is
    what lets a compiler fuse a whole integration step into one kernel.
    """

    start: Start

    @property
    def dim(self) -> int:
        """Dimension D of the states."""
        return self.start.centre.shape[1]

    def __len__(self) -> int:
        return self.start.centre.shape[0]

    @abstractmethod
    def rates(self, x: Rates) -> Rates:
        """Time derivatives, one tensor (S, P) per dimension, at states given in the same way."""

    def __call__(self, x: Tensor) -> Tensor:
        """Vector field of shape (S, P, D) at states of shape (S, P, D)."""
        return torch.stack(self.rates(x.unbind(-1)), dim=-1)

    def initial_states(self, paths: int, generator: torch.Generator) -> Tensor:
        """Initial states of shape (S, paths, D)."""
        s = self.start
        noise = torch.randn(len(self), paths, self.dim, generator=generator, device=s.centre.device)
        states = s.centre[:, None] + s.spread[:, None] * noise.to(s.centre.dtype)
        return torch.where(s.positive[:, None, None], states.abs() + 0.02, states)

    def select(self: FieldT, index: Tensor) -> FieldT:
        """Only the systems at ``index`` (positions or a boolean mask)."""
        return map_tensors(self, lambda tensor: tensor[index])

    def to(self: FieldT, dtype: torch.dtype) -> FieldT:
        """The same systems with floating-point parameters of another type."""
        return map_tensors(self, lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)


def map_tensors(value: FieldT, function: Callable[[Tensor], Tensor]) -> FieldT:
    """Rebuild a field with ``function`` applied to each of its tensors, nested ones included."""

    def rebuild(item: Any) -> Any:
        if isinstance(item, Tensor):
            return function(item)
        if not dataclasses.is_dataclass(item):
            return item
        names = [field.name for field in dataclasses.fields(item)]
        kind: Any = type(item)
        return kind(**{name: rebuild(getattr(item, name)) for name in names})

    return rebuild(value)


def leaves(value: Any) -> list[Any]:
    """Everything a field holds, nested parts taken apart, in a fixed order."""
    if not dataclasses.is_dataclass(value):
        return [value]
    return [leaf for f in dataclasses.fields(value) for leaf in leaves(getattr(value, f.name))]


def tensors_of(value: Any) -> list[Tensor]:
    """Every tensor of a field, in a fixed order."""
    return [leaf for leaf in leaves(value) if isinstance(leaf, Tensor)]


def form_of(value: Any) -> tuple[Any, ...]:
    """What decides a field's formula apart from its tensors: its class and any plain values."""
    return (type(value), *(leaf for leaf in leaves(value) if not isinstance(leaf, Tensor)))


def concatenate(fields: Sequence[FieldT]) -> FieldT:
    """One batch from several batches of the same class and dimension."""
    parts = iter([torch.cat(tensors) for tensors in zip(*map(tensors_of, fields), strict=True)])
    return map_tensors(fields[0], lambda _: next(parts))


class Family(ABC):
    """A distribution over vector fields.

    Attributes
    ----------
    name : str
    dims : tuple of int
        Dimensions for which it is defined.
    """

    name: str
    dims: tuple[int, ...]

    @abstractmethod
    def sample(self, n: int, dim: int, generator: torch.Generator) -> BatchedField:
        """Draw ``n`` systems of dimension ``dim`` on the generator's device."""


class Draw:
    """Random tensors of one generator, on its device; a family's formulas read better with it."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.device = generator.device

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform between ``low`` and ``high``."""
        return low + (high - low) * torch.rand(*shape, generator=self.generator, device=self.device)

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform in the logarithm between ``low`` and ``high``."""
        return (self.uniform(0.0, 1.0, *shape) * math.log(high / low)).exp() * low

    def normal(self, *shape: int) -> Tensor:
        """Standard normal."""
        return torch.randn(*shape, generator=self.generator, device=self.device)

    def integer(self, low: int, high: int, *shape: int) -> Tensor:
        """Integers from ``low`` to ``high``, both included."""
        return torch.randint(low, high + 1, shape, generator=self.generator, device=self.device)

    def coin(self, probability: float, *shape: int) -> Tensor:
        """True with the given probability."""
        return self.uniform(0.0, 1.0, *shape) < probability

    def subset(self, size: Tensor, of: int) -> Tensor:
        """Boolean masks of shape (*size.shape, of), each true at ``size`` positions drawn without replacement."""
        ranks = self.uniform(0.0, 1.0, *size.shape, of).argsort(-1).argsort(-1)
        return ranks < size[..., None]

    def start(self, n: int, dim: int, positive: bool = False) -> Start:
        """Initial states N(centre, s^2), with centre N(0, 0.7^2) and s log-uniform in [0.3, 1.5], per system.

        Positive families start around a centre that is uniform in [0.2, 3] instead.
        """
        centre = self.uniform(0.2, 3.0, n, dim) if positive else 0.7 * self.normal(n, dim)
        spread = self.log_uniform(0.3, 1.5, n, 1).expand(n, dim)
        folded = torch.full((n,), positive, device=self.device)
        return Start(centre, spread.contiguous(), folded)

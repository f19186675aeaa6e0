"""The perceptron while it is trained."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from skdyn_neuralode.perceptron import Perceptron
from skdyn_neuralode.units import Array


class Network(torch.nn.Module):
    """Layers with hyperbolic tangents between them; the output is counted in a typical speed of each variable.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    speeds : array of shape (D,)
    rng : numpy.random.Generator
        Of the first weights; biases start at zero.
    given : int
        Columns of inputs and parameters behind the variables, G.
    """

    def __init__(self, hidden: tuple[int, ...], speeds: Array, rng: np.random.Generator, given: int = 0) -> None:
        super().__init__()
        widths = [len(speeds) + given, *hidden, len(speeds)]
        self.weights, self.biases = torch.nn.ParameterList(), torch.nn.ParameterList()
        for before, after in pairwise(widths):
            weight = torch.from_numpy(rng.normal(size=(after, before)))
            self.weights.append(torch.nn.Parameter(weight / before**0.5))
            self.biases.append(torch.nn.Parameter(torch.zeros(after, dtype=torch.float64)))
        self.speeds = torch.from_numpy(speeds)

    def forward(self, z: Tensor) -> Tensor:
        """Values (N, D) at points (N, D + G)."""
        *hidden, last = zip(self.weights, self.biases, strict=True)
        for weight, bias in hidden:
            z = torch.tanh(z @ weight.T + bias)
        return (z @ last[0].T + last[1]) * self.speeds

    def linearised(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Values (N, D) and derivatives (N, D, D + G) of value i by column j at points (N, D + G)."""
        *hidden, last = zip(self.weights, self.biases, strict=True)
        chain = torch.eye(z.shape[1], dtype=z.dtype)
        for weight, bias in hidden:
            z = torch.tanh(z @ weight.T + bias)
            chain = (1 - z.square())[..., None] * (weight @ chain)
        return (z @ last[0].T + last[1]) * self.speeds, last[0] @ chain * self.speeds[:, None]

    def size(self) -> Tensor:
        """Sum of the squared weights."""
        return torch.stack([weight.square().sum() for weight in self.weights]).sum()

    def frozen(self) -> Perceptron:
        """The layers in NumPy, without the speeds."""
        return Perceptron(*(tuple(p.detach().numpy().copy() for p in part) for part in (self.weights, self.biases)))

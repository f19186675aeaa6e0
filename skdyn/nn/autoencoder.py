"""Multilayer perceptrons that map frames to a few codes and back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


def perceptron(sizes: Sequence[int], activation: str) -> nn.Sequential:
    """Build linear layers with an activation between any two, none at the end.

    Parameters
    ----------
    sizes : sequence of int
        Width of the input, of each hidden layer and of the output.
    activation : str
        One of `ACTIVATIONS`.

    Returns
    -------
    Sequential
        With Glorot's normal weights and zero biases, as for the autoencoder of the pendulum video of Champion et al.
        (PNAS 116, 2019).

    Examples
    --------
    >>> import torch
    >>> perceptron([2601, 128, 64, 32, 1], "sigmoid")(torch.zeros(7, 2601)).shape
    torch.Size([7, 1])
    """
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        if i:
            layers.append(ACTIVATIONS[activation]())
        linear = nn.Linear(inputs, outputs, dtype=torch.float32)
        nn.init.xavier_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers.append(linear)
    return nn.Sequential(*layers)


class Bent(nn.Module):
    """An affine map that stays as it is, and a perceptron beside it that starts at zero and is trained.

    Parameters
    ----------
    sizes : sequence of int
        Width of the input, of each hidden layer and of the output, as for `perceptron`.
    activation : str

    Attributes
    ----------
    matrix : buffer of shape (outputs, inputs)
    offset : buffer of shape (outputs,)
    perceptron : Sequential

    Examples
    --------
    >>> import torch
    >>> bent = Bent([5, 8, 2], "silu")
    >>> bent.matrix[:] = torch.eye(2, 5)
    >>> bent(torch.arange(5.0)[None])
    tensor([[0., 1.]], grad_fn=<AddBackward0>)
    """

    matrix: Tensor
    offset: Tensor

    def __init__(self, sizes: Sequence[int], activation: str) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.zeros(sizes[-1], sizes[0], dtype=torch.float32))
        self.register_buffer("offset", torch.zeros(sizes[-1], dtype=torch.float32))
        self.perceptron = perceptron(sizes, activation)
        nn.init.zeros_(self.perceptron[-1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs) to (N, outputs)."""
        return nn.functional.linear(x, self.matrix, self.offset) + self.perceptron(x)

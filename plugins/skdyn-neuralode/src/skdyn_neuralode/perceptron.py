"""The field as a multilayer perceptron in double precision, with its Jacobian; NumPy alone.

Letters: N queries, D variables, G inputs and parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skdyn_neuralode.units import Array

_CHUNK = 128  # rows of one pass, always: an answer depends neither on the other queries nor on their number


@dataclass(frozen=True)
class Perceptron:
    """Layers ``W h + b`` with hyperbolic tangents between them.

    Attributes
    ----------
    weights : tuple of arrays of shapes (width, width of the layer before)
    biases : tuple of arrays of shapes (width,)
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    def field(self, z: Array) -> Array:
        """Values (N, D) at points (N, D + G)."""
        return _in_chunks(lambda rows: self._layers(rows)[-1], z)

    def jacobian(self, z: Array) -> Array:
        """Derivatives (N, D, D + G) of value i by column j at points (N, D + G)."""

        def answer(rows: Array) -> Array:
            layers = self._layers(rows)
            chain = np.broadcast_to(self.weights[0], (len(rows), *self.weights[0].shape))
            for weight, hidden in zip(self.weights[1:], layers, strict=False):
                chain = weight @ ((1 - hidden**2)[..., None] * chain)
            return chain

        return _in_chunks(answer, z)

    def _layers(self, z: Array) -> list[Array]:
        layers = []
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            z = np.tanh(z @ weight.T + bias)
            layers.append(z)
        return [*layers, z @ self.weights[-1].T + self.biases[-1]]


def _in_chunks(answer: Callable[[Array], Array], points: Array) -> Array:
    """Answers to points (N, D + G) in passes of one size, the last filled up with zeros."""
    count = max(1, -(-len(points) // _CHUNK))
    padded = np.zeros((count * _CHUNK, points.shape[1]))
    padded[: len(points)] = points
    return np.concatenate([answer(rows) for rows in np.split(padded, count)])[: len(points)]

"""A larger network begins where a smaller one ended: more blocks and wider ones that at first change nothing.

A block adds to its input, so that one whose last matrices are zero passes it on as it is; so do further units of a
feed-forward layer that weigh nothing. Source: after Net2Net, T. Chen et al. 2016 (arXiv 1511.05641), whose identity
layers these are in a residual form.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from skdyn.nn.attention import Block

_LAST = ("attention.output.weight", "feedforward.2.weight")
_WIDER = {"feedforward.0.weight": 0, "feedforward.2.weight": 1}
"""Matrices that grow with the feed-forward layer, and their axis that does."""


def grown(weights: Mapping[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Weights with which a module answers as the smaller one did that they are of.

    Parameters
    ----------
    weights : mapping of a parameter's name to its Tensor
        Of a module of the same kind, with as many blocks or fewer, whose feed-forward layers are as wide or narrower.
    module : Module
        With the values that it was made with, which is what new units begin to read.

    Returns
    -------
    dict
        The given weights, those of wider layers filled up, and zeros for the last matrices of blocks that are new.
    """
    parameters = dict(module.named_parameters())
    result = dict(weights)
    for place in (name for name, part in module.named_modules() if isinstance(part, Block)):
        for part in _LAST:
            name = f"{place}.{part}"
            if name not in weights:
                result[name] = torch.zeros_like(parameters[name])
        for part, axis in _WIDER.items():
            name = f"{place}.{part}"
            if name in weights:
                result[name] = _filled_up(weights[name], parameters[name].detach(), axis, zero=part in _LAST)
    return result


def _filled_up(small: Tensor, large: Tensor, axis: int, zero: bool) -> Tensor:
    """The small matrix with what the large one has more along an axis; itself where they differ otherwise."""
    size = small.shape[axis]
    if large.shape[axis] <= size or large.shape[1 - axis] != small.shape[1 - axis]:
        return small
    rest = large.narrow(axis, size, large.shape[axis] - size)
    return torch.cat([small.to(large), torch.zeros_like(rest) if zero else rest], axis)

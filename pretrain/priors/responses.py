"""The closed form of systems of many variables that respond to each other: products, and functions of one variable."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pretrain.priors.base import BatchedField, Draw, Rates, Start
from pretrain.priors.terms import Terms, TermsField

KINDS = ("hill", "sine", "tanh")
_SLOTS = 4


@dataclass(frozen=True)
class ResponseField(BatchedField):
    """``x_i' = t_i(x) + sum_m a_im g((x_b - x_c) / k_im) x_d``, with g of one kind in all systems of a batch.

    ``g(u)`` is ``u^n / (1 + u^n)`` for u > 0 and 0 otherwise ("hill"), ``sin u`` or ``tanh u``.

    Attributes
    ----------
    products : TermsField
        ``t``.
    kind : {"hill", "sine", "tanh"}
    variables : integer Tensor of shape (S, D, SLOTS, 3)
        b, c and d; for c the number D stands for zero, for d it stands for one.
    amplitudes, scales, orders : Tensor of shape (S, D, SLOTS)
        ``a``, ``k`` and ``n``.
    """

    products: TermsField
    kind: str
    variables: Tensor
    amplitudes: Tensor
    scales: Tensor
    orders: Tensor

    def rates(self, x: Rates) -> Rates:
        """Time derivatives, one tensor (S, P) per variable."""
        one = torch.ones_like(x[0])
        known = torch.stack([*x, one], dim=1)  # (S, D + 1, P)
        differed = torch.stack([*x, torch.zeros_like(one)], dim=1)
        argument = self._taken(known, 0) - self._taken(differed, 1)
        argument = argument / self.scales.flatten(1)[..., None]
        response = self._response(argument) * self._taken(known, 2)
        response = response * self.amplitudes.flatten(1)[..., None]
        total = response.unflatten(1, (len(x), -1)).sum(2)
        return tuple(a + b for a, b in zip(self.products.rates(x), total.unbind(1), strict=True))

    def _taken(self, values: Tensor, place: int) -> Tensor:
        index = self.variables[..., place].flatten(1)[..., None]
        return values.gather(1, index.expand(-1, -1, values.shape[-1]))

    def _response(self, u: Tensor) -> Tensor:
        if self.kind == "sine":
            return u.sin()
        if self.kind == "tanh":
            return u.tanh()
        # Finite where the power overflows.
        return 1 - 1 / (1 + u.clamp(min=0).pow(self.orders.flatten(1)[..., None]))


class Responses(Terms):
    """Collects the products and the responses of systems of the same structure.

    Parameters
    ----------
    draw : Draw
    n, dim : int
        Systems and variables.
    kind : {"hill", "sine", "tanh"}
    """

    def __init__(self, draw: Draw, n: int, dim: int, kind: str) -> None:
        super().__init__(draw, n, dim)
        self._kind = kind
        self._variables = torch.full((n, dim, _SLOTS, 3), dim, device=draw.device)
        self._amplitudes = torch.zeros(n, dim, _SLOTS, device=draw.device)
        self._scales = torch.ones(n, dim, _SLOTS, device=draw.device)
        self._orders = torch.ones(n, dim, _SLOTS, device=draw.device)
        self._responses = [0] * dim

    def respond(
        self,
        variable: int,
        to: int | Tensor,
        amplitude: Tensor,
        scale: Tensor | None = None,
        order: Tensor | None = None,
        less: int | None = None,
        times: int | None = None,
    ) -> None:
        """One more response of a variable to another (less a third), times a fourth where one is named."""
        slot = self._responses[variable]
        self._responses[variable] += 1
        self._amplitudes[:, variable, slot] = amplitude
        for kept, given in ((self._scales, scale), (self._orders, order)):
            if given is not None:
                kept[:, variable, slot] = given
        for place, which in enumerate((to, less, times)):
            if which is not None:
                self._variables[:, variable, slot, place] = which

    def response_field(self, start: Start) -> ResponseField:
        """The systems, from these initial states."""
        functions = (self._variables, self._amplitudes, self._scales, self._orders)
        return ResponseField(start, self.field(start), self._kind, *functions)

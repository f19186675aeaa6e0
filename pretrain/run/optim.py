"""Muon for the matrices of the blocks and AdamW for everything else.

Sources: Muon, K. Jordan et al. 2024 (momentum orthogonalised by a quintic Newton-Schulz iteration, whose coefficients
are theirs); the update's scale ``0.2 sqrt(max(rows, columns))``, which gives it the size of an AdamW update, J. Liu et
al. 2025 (arXiv 2502.16982).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


@dataclass(frozen=True)
class OptimConfig:
    """Constants of the optimiser.

    Attributes
    ----------
    muon : bool
        Muon for the matrices; otherwise AdamW alone.
    momentum : float
        Of Muon (Nesterov).
    betas : pair of float
        Of AdamW.
    weight_decay : float
        Decoupled, on matrices only.
    clip : float
        Largest norm of the whole gradient.
    """

    muon: bool = True
    momentum: float = 0.95
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip: float = 1.0


def orthogonalise(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Approximate the nearest semi-orthogonal matrices of a stack (N, rows, columns).

    Singular values end between about 0.7 and 1.2. Runs in bfloat16 on a GPU and in the input's type elsewhere.
    """
    a, b, c = _NEWTON_SCHULZ
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Optimizer:
    """Muon, batched over matrices of the same shape, and AdamW, behind one step.

    Parameters
    ----------
    parameters : mapping of name to Parameter
    is_matrix : callable
        Tells by name and parameter which ones Muon may have.
    config : OptimConfig
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        is_matrix: Callable[[str, nn.Parameter], bool],
        config: OptimConfig,
    ) -> None:
        self.config = config
        self._parameters = dict(parameters)
        self._groups: dict[tuple[int, ...], list[nn.Parameter]] = {}
        rest: dict[str, nn.Parameter] = {}
        for name, parameter in self._parameters.items():
            if config.muon and is_matrix(name, parameter):
                self._groups.setdefault(tuple(parameter.shape), []).append(parameter)
            else:
                rest[name] = parameter
        self._momenta = {
            shape: torch.zeros(len(group), *shape, device=group[0].device) for shape, group in self._groups.items()
        }
        self._rest = rest
        decayed = [p for p in rest.values() if p.ndim >= 2]
        plain = [p for p in rest.values() if p.ndim < 2]
        self._fused = any(p.is_cuda for p in rest.values())
        self._adamw = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            betas=config.betas,
            fused=self._fused,
        )

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update every parameter that has a gradient."""
        for group in self._adamw.param_groups:
            group["lr"] = learning_rate
        self._adamw.step()
        for shape, parameters in self._groups.items():
            if all(p.grad is None for p in parameters):  # nothing was asked of these matrices
                continue
            gradients = torch.stack([torch.zeros_like(p) if p.grad is None else p.grad for p in parameters])
            momentum = self._momenta[shape].lerp_(gradients, 1 - self.config.momentum)
            update = orthogonalise(gradients.lerp(momentum, self.config.momentum))
            scale = learning_rate * 0.2 * max(shape) ** 0.5
            weights: list[Tensor] = list(parameters)
            torch._foreach_mul_(weights, 1 - learning_rate * self.config.weight_decay)
            torch._foreach_add_(weights, list(update.unbind(0)), alpha=-scale)

    def state_tensors(self) -> dict[str, Tensor]:
        """Everything that a later `load_state_tensors` needs to continue exactly."""
        tensors = {f"muon.{'x'.join(map(str, shape))}": m for shape, m in self._momenta.items()}
        for name, parameter in self._rest.items():
            for key, value in self._adamw.state[parameter].items():
                tensors[f"adamw.{key}.{name}"] = value
        return tensors

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from the tensors of another optimiser of the same parameters."""
        for shape, momentum in self._momenta.items():
            momentum.copy_(tensors[f"muon.{'x'.join(map(str, shape))}"])
        for name, parameter in self._rest.items():
            state = {}
            for key in ("step", "exp_avg", "exp_avg_sq"):
                value = tensors.get(f"adamw.{key}.{name}")
                if value is not None:
                    on_host = key == "step" and not self._fused
                    state[key] = value.clone().to("cpu" if on_host else parameter.device)
            if state:
                self._adamw.state[parameter] = state

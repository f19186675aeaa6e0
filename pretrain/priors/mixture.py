"""Weighted mixtures of families."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from pretrain.priors.base import BatchedField, Family, concatenate
from pretrain.priors.chaotic import ForcedDissipative
from pretrain.priors.compartment import Compartment
from pretrain.priors.damped import DampedPolynomial
from pretrain.priors.few_terms import FewTerms, FewUnits
from pretrain.priors.hamiltonian import Hamiltonian
from pretrain.priors.hill import Hill
from pretrain.priors.linear import Linear
from pretrain.priors.lotka_volterra import LotkaVolterra
from pretrain.priors.mechanical import Mechanical
from pretrain.priors.networks import (
    CompartmentNetwork,
    FoodChain,
    OscillatorNetwork,
    Ring,
    SparseNetwork,
    SpringChain,
)
from pretrain.priors.oscillator import Oscillator
from pretrain.priors.polynomial import Polynomial, UnitPolynomial
from pretrain.priors.potential import Potential
from pretrain.priors.response_networks import FoodPatches, GeneNetwork, PhaseNetwork, RateNetwork
from pretrain.priors.units import Units

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Polynomial(),
        DampedPolynomial(),
        Mechanical(),
        LotkaVolterra(),
        Units(),
        Hill(),
        Compartment(),
        Oscillator(),
        Hamiltonian(),
        ForcedDissipative(),
        Linear(),
        UnitPolynomial(),
        Potential(),
        FewTerms(),
        FewUnits(),
        SparseNetwork(),
        Ring(),
        OscillatorNetwork(),
        CompartmentNetwork(),
        FoodChain(),
        SpringChain(),
        GeneNetwork(),
        FoodPatches(),
        PhaseNetwork(),
        RateNetwork(),
    )
}

PRIORS: dict[str, dict[str, float]] = {
    "polynomial": {"polynomial": 1.0},
    "mixture": {
        "polynomial": 0.30,
        "damped": 0.10,
        "mechanical": 0.09,
        "lotka_volterra": 0.06,
        "units": 0.17,
        "hill": 0.06,
        "compartment": 0.04,
        "oscillator": 0.08,
        "hamiltonian": 0.05,
        "chaotic": 0.10,
    },
    "few": {"few_terms": 0.65, "few_units": 0.35},
    "plain": {
        "polynomial": 0.15,
        "damped": 0.05,
        "mechanical": 0.045,
        "lotka_volterra": 0.03,
        "units": 0.085,
        "hill": 0.03,
        "compartment": 0.02,
        "oscillator": 0.04,
        "hamiltonian": 0.025,
        "chaotic": 0.05,
        "few_terms": 0.31,
        "few_units": 0.165,
    },
    "unit_polynomial": {"unit_polynomial": 1.0},
    "noisy": {
        "polynomial": 0.12,
        "damped": 0.20,
        "mechanical": 0.06,
        "lotka_volterra": 0.03,
        "units": 0.10,
        "oscillator": 0.12,
        "hamiltonian": 0.03,
        "chaotic": 0.03,
        "linear": 0.10,
        "potential": 0.20,
    },
    "wide": {
        "sparse_network": 0.35,
        "ring": 0.15,
        "oscillator_network": 0.15,
        "compartment_network": 0.10,
        "food_chain": 0.15,
        "spring_chain": 0.10,
    },
    "responses": {"gene_network": 0.4, "food_patches": 0.25, "phase_network": 0.2, "rate_network": 0.15},
    "many": {
        "sparse_network": 0.20,
        "ring": 0.09,
        "oscillator_network": 0.09,
        "compartment_network": 0.06,
        "food_chain": 0.09,
        "spring_chain": 0.07,
        "gene_network": 0.16,
        "food_patches": 0.10,
        "phase_network": 0.08,
        "rate_network": 0.06,
    },
}
"""``mixture`` is for ODEs; ``many`` for those of 4 to 12 variables, polynomials (``wide``) and with functions
(``responses``); ``noisy``, for the drift of SDEs, has more systems that noise does not drive to infinity."""


def prior_weights(text: str) -> dict[str, float]:
    """Weights of a prior by its name in `PRIORS`, or of an own one written ``family=weight,family=weight``.

    Examples
    --------
    >>> prior_weights("hill=1,oscillator=0.5")
    {'hill': 1.0, 'oscillator': 0.5}
    """
    if text in PRIORS:
        return PRIORS[text]
    weights = {}
    for part in text.split(","):
        name, _, weight = part.partition("=")
        try:
            weights[name.strip()] = float(weight)
        except ValueError:
            raise ValueError(f"{text!r} is neither a prior ({', '.join(PRIORS)}) nor a list of family=weight") from None
    return dict(Mixture(weights).weights)


@dataclass(frozen=True)
class Mixture:
    """Families with weights; weights of families that lack a dimension are shared out among the others.

    Attributes
    ----------
    weights : mapping of family name to a positive weight
    """

    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.weights) - set(FAMILIES)):
            raise ValueError(f"unknown family {unknown[0]!r}; known are {', '.join(FAMILIES)}")
        if not self.weights or not all(weight > 0 for weight in self.weights.values()):
            raise ValueError("a mixture needs at least one family, each with a positive weight")

    def counts(self, n: int, dim: int) -> dict[str, int]:
        """Number of systems of each family among ``n``; the same at every call, so that shapes never change."""
        weights = {name: w for name, w in self.weights.items() if dim in FAMILIES[name].dims}
        if not weights:
            raise ValueError(f"none of the families {sorted(self.weights)} has dimension {dim}")
        total = sum(weights.values())
        edges = [0.0]
        for weight in weights.values():
            edges.append(edges[-1] + n * weight / total)
        return {name: round(high) - round(low) for name, low, high in zip(weights, edges[:-1], edges[1:], strict=True)}

    def sample(self, n: int, dim: int, generator: torch.Generator) -> list[tuple[BatchedField, tuple[str, ...]]]:
        """Draw ``n`` systems; fields of the same closed form come as one batch, with each system's family name."""
        forms: dict[type, list[tuple[BatchedField, str]]] = {}
        for name, count in self.counts(n, dim).items():
            if count:
                field = FAMILIES[name].sample(count, dim, generator)
                forms.setdefault(type(field), []).append((field, name))
        return [
            (concatenate([f for f, _ in parts]), tuple(name for f, name in parts for _ in range(len(f))))
            for parts in forms.values()
        ]

"""Distributions over vector fields, sampled in batches on any device."""

from pretrain.priors.base import BatchedField, Draw, Family
from pretrain.priors.mixture import FAMILIES, PRIORS, Mixture, prior_weights

__all__ = ["FAMILIES", "PRIORS", "BatchedField", "Draw", "Family", "Mixture", "prior_weights"]

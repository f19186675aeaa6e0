"""Transformers of trajectories, to stand before an estimator in a pipeline."""

from skdyn.preprocessing.delays import TimeDelayEmbedding
from skdyn.preprocessing.original import OriginalVariables
from skdyn.preprocessing.per_variable import PerVariable

__all__ = ["OriginalVariables", "PerVariable", "TimeDelayEmbedding"]

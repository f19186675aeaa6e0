"""Whether what an estimator assumes can be true of the data: checks with their evidence."""

from skdyn.diagnosis.check import Check, Diagnosis

__all__ = ["Check", "Diagnosis"]

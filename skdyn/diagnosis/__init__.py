"""Whether what an estimator assumes can be true of the data: checks with their evidence."""

from skdyn.diagnosis.check import Check, Diagnosis
from skdyn.diagnosis.ode import all_checks, data_checks
from skdyn.diagnosis.sde import sde_checks

__all__ = ["Check", "Diagnosis", "all_checks", "data_checks", "sde_checks"]

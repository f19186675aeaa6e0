"""Low-rank adaptation of every model to the data at hand."""

from skdyn.adaptation._adapt import Adaptation, adapt
from skdyn.adaptation.settings import CutSettings, LikelihoodSettings, ShootingSettings

__all__ = ["Adaptation", "CutSettings", "LikelihoodSettings", "ShootingSettings", "adapt"]

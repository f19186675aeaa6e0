"""Linear systems as an estimator of skdyn."""

from skdyn_template.regressor import TemplateRegressor

__all__ = ["TemplateRegressor"]
__version__ = "0.1.0"

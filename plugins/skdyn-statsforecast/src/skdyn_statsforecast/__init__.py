"""AutoARIMA, AutoETS and AutoTheta of statsforecast as forecasters of skdyn.

Installing this package is enough: skdyn finds its estimators and experts by their entry points, as ``"auto-arima"``,
``"auto-ets"`` and ``"auto-theta"``.

Source: R. Hyndman and Y. Khandakar, *Automatic time series forecasting*, J. Stat. Softw. 27(3), 2008, as statsforecast
implements it.

Examples
--------
>>> import skdyn
>>> "auto-ets" in skdyn.list_estimators()
True
"""

from skdyn_statsforecast.forecasters import AutoARIMAForecaster, AutoETSForecaster, AutoThetaForecaster

__all__ = ["AutoARIMAForecaster", "AutoETSForecaster", "AutoThetaForecaster"]
__version__ = "0.1.0"

"""What a forecaster refuses, and what it says."""

import numpy as np
import pytest

from skdyn import LASSODEForecaster
from skdyn.exceptions import TrajectoryError, WeightsError

pytestmark = pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")
T = np.linspace(0, 5, 30)
X = np.column_stack([np.sin(T), np.cos(T)])


@pytest.fixture(scope="module")
def model(request):
    return request.path.parents[1] / "dummy" / "lass-ode-tiny"


@pytest.fixture(scope="module")
def fitted(model):
    return LASSODEForecaster(model=model, device="cpu").fit([(T, X), (T, 2 * X)])


def with_value(value, row=3, column=1):
    changed = X.copy()
    changed[row, column] = value
    return changed


@pytest.mark.parametrize(
    ("options", "data", "message"),
    [
        ({}, [(T[:2], X[:2])], r"trajectory 0, column 0: 2 sample\(s\); at least 3 are needed to forecast"),
        ({}, [(T, X), (T[:1], X[:1])], "trajectory 1 has 1 sample"),
        ({}, [(T[::-1], X)], "time decreases"),
        ({}, [(np.zeros(30), X)], "time repeats"),
        ({}, [(T, with_value(np.nan))], "trajectory 0, row 3, column 1: the state is NaN"),
        ({}, [(T, with_value(np.inf))], "the state is infinity"),
        ({"missing": "keep"}, [(T, with_value(np.inf))], "the state is infinity"),
        ({"missing": "keep"}, [(T, with_value(np.nan, slice(2, None)))], r"column 1: 2 sample\(s\)"),
        ({"missing": "keep"}, [(T, np.full((30, 2), np.nan))], "fewer than 2 rows are left"),
        ({"missing": "skip"}, [(T, X)], "missing must be 'raise', 'drop' or 'keep', got 'skip'"),
        ({}, [(T, with_value(1e200))], r"trajectory 0: a state exceeds 1e\+150"),
    ],
)
def test_series(model, options, data, message):
    with pytest.raises(TrajectoryError, match=message):
        LASSODEForecaster(model=model, device="cpu", **options).fit(data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fine_tune": {"ranks": 3}}, "fine_tune must be None or a dict with any of rank, epochs, lr"),
        ({"fine_tune": 8}, "fine_tune must be None or a dict"),
        ({"fine_tune": {"rank": 0}}, "fine_tune: rank must be a positive integer, got 0"),
        ({"fine_tune": {"epochs": 2.5}}, "fine_tune: epochs must be a positive integer, got 2.5"),
        ({"fine_tune": {"lr": -1.0}}, "fine_tune: lr must be positive and finite, got -1.0"),
        ({"fine_tune": {"rank": 400}}, "rank 400 does not fit"),
        ({"fine_tune": {}, "random_state": -1}, "random_state must be an integer of at least 0, got -1"),
        ({"device": "abacus"}, "device 'abacus' is not available here"),
    ],
)
def test_parameters(model, options, message):
    with pytest.raises(ValueError, match=message):
        LASSODEForecaster(model=model, **options).fit([(T, X)])


@pytest.mark.parametrize("adapter", ["", 3, "/does/not/exist"])
def test_adapters(model, adapter):
    with pytest.raises(WeightsError, match="adapter"):
        LASSODEForecaster(model=model, adapter=adapter).fit([(T, X)])


@pytest.mark.parametrize(
    ("times", "options", "message"),
    [
        (None, {}, "give either the times of the forecast or horizon="),
        ([6.0], {"horizon": 3}, "give either the times of the forecast or horizon="),
        (None, {"horizon": 0}, "horizon must be a positive integer, got 0"),
        (None, {"horizon": 2.0}, "horizon must be a positive integer, got 2.0"),
        (None, {"horizon": True}, "horizon must be a positive integer, got True"),
        ([], {}, r"times have shape \(0,\)"),
        (7.0, {}, r"times have shape \(\)"),
        ([7.0, 6.0], {}, r"times: array 0, row 1: time decreases .* Reshape your data"),
        ([6.0, 6.0], {}, "time repeats"),
        ([6.0, np.inf], {}, "not finite"),
        (["a", "b"], {}, "neither numbers nor dates"),
        ([-1.0, 6.0], {}, r"the first \(-1\) is before the first observation of series 0 \(0\)"),
        ([[6.0, 7.0]], {}, "X lists 1 arrays of times for 2 fitted series"),
        ([[6.0, 7.0], []], {}, r"times have shape \(0,\)"),
        (np.zeros((2, 2, 2)), {}, "dim 3|3 dim"),
        (np.zeros((4, 3)), {}, "X has 3 features, but LASSODEForecaster is expecting 2 features as input"),
        (np.full((4, 2), np.nan), {}, "NaN"),
        (X, {"horizon": 3}, "horizon and quantiles belong to times"),
        ([6.0], {"quantiles": (0.01,)}, "the quantile level 0.01 is not between 0.1 and 0.9"),
        ([6.0], {"quantiles": 0.5}, "quantiles must be a list of levels"),
    ],
)
def test_requests(fitted, times, options, message):
    with pytest.raises(ValueError, match=message):
        fitted.predict(times, **options)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((3, 4)), r"points has shape \(3, 4\), but LASSODEForecaster was fitted on 2"),
        (1.0, r"points has shape \(\)"),
        ([[np.nan, 0.0]], "not finite"),
        ([["a", "b"]], "expected real numbers"),
        ([[1.0, 2.0], [3.0]], "points cannot be read as an array"),
        ([[1j, 0]], "Complex data not supported"),
    ],
)
def test_points(fitted, points, message):
    with pytest.raises(ValueError, match=message):
        fitted.vector_field(points)


def test_held_out_series(fitted):
    with pytest.raises(TrajectoryError, match="X has 1 features, but LASSODEForecaster is expecting 2"):
        fitted.score([(T, X[:, :1])])
    with pytest.raises(TrajectoryError, match="trajectory 1 cannot be scored: each variable needs 3 values"):
        fitted.score([(T, X), (T[:3], X[:3])])

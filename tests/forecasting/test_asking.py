"""A broken expert ends a forecast with an error of its own name, and changes nobody else's."""

import numpy as np
import pytest

from skdyn import LASSODEForecaster
from skdyn.exceptions import PluginError
from skdyn.forecasting import blending
from skdyn.forecasting.asking import answered, fitted
from skdyn.forecasting.experts.registry import Expert, get_expert

pytestmark = pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")

T = np.linspace(0, 12, 61)
X = np.column_stack([np.cos(T), np.sin(T)])
LATER = np.linspace(12.2, 14, 8)


def moves_values(times, values):
    values -= values.mean(axis=0)
    return lambda later: np.zeros((len(later), 2))


def moves_later(times, values):
    def forecast(later):
        later -= later[0]
        return np.zeros((len(later), 2))

    return forecast


BROKEN = [
    (moves_values, "fails to fit: .* changes in place what others read too: let it work on copies"),
    (moves_later, "fails to forecast: .* changes in place what others read too"),
    (lambda t, x: x.nothing, "fails to fit: AttributeError: .*no attribute 'nothing'"),
    (lambda t, x: None, "fails to fit: .*a fit returns a callable, not a NoneType"),
    (lambda t, x: lambda later: np.zeros(len(later)), r"float64 of shape \(\d+,\), but (\d+) times of 2 .*\(\1, 2\)"),
    (lambda t, x: lambda later: np.zeros((len(later), 1)), r"answers float64 of shape \(\d+, 1\)"),
    (lambda t, x: lambda later: [[1.0], [1.0, 2.0]], "answers a list"),
    (lambda t, x: lambda later: None, "answers a NoneType"),
]


@pytest.mark.parametrize("ensemble", ["auto", "backtest"])
@pytest.mark.parametrize(("fit", "words"), BROKEN)
def test_the_error_names_the_expert(dummy, monkeypatch, ensemble, fit, words):
    known = {"mine": Expert("mine", fit, "")}
    monkeypatch.setattr(blending, "STANDARD", ("drift",))
    monkeypatch.setattr(blending, "BACKTESTED", ("parrot",))
    monkeypatch.setattr(blending, "get_expert", lambda name: known.get(name) or get_expert(name))
    forecaster = LASSODEForecaster(model=dummy, device="cpu", ensemble=ensemble, experts=["mine"])
    with pytest.raises(PluginError, match=rf"^the expert 'mine' .*{words}"):
        forecaster.fit([(T, X)]).predict(LATER)


@pytest.fixture(scope="module")
def dummy(request):
    return str(request.path.parents[1] / "dummy" / "lass-ode-tiny")


@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, RuntimeError, np.linalg.LinAlgError, IndexError])
def test_nothing_to_say_is_no_error(error):
    def refuse(*_):
        raise error("too short")

    assert fitted("mine", refuse, T, X) is None
    assert answered("mine", refuse, LATER, 2) is None
    assert answered("mine", None, LATER, 2) is None


def test_what_the_user_stops_is_stopped():
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted("mine", interrupted, T, X)


def test_answers_are_numbers_and_nan_where_they_are_not_finite():
    answer = answered("mine", lambda later: np.array([[1, 2], [3, 4]]), LATER[:2], 2)
    assert answer.dtype == np.float64
    infinite = answered("mine", lambda later: np.array([[np.inf, 2.0]]), LATER[:1], 2)
    np.testing.assert_array_equal(infinite, [[np.nan, 2.0]])


def test_what_is_handed_out_stays_writeable_for_its_owner():
    times, values = T.copy(), X.copy()
    fitted("mine", lambda t, x: lambda later: later, times, values)
    assert times.flags.writeable
    assert values.flags.writeable

"""Windows of a forecast, with networks whose answer is known."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from skdyn.forecasting import curve as module
from skdyn.forecasting import window as windows
from skdyn.forecasting.backtest import unseen_error
from skdyn.forecasting.channels import MAX_POINTS, last_observed, split_channels
from skdyn.forecasting.curve import Curve, _recent
from skdyn.forecasting.window import Request, windows_of
from skdyn.models.weights import load_model
from skdyn.nn.lass_ode import LASSODE, LASSODEConfig


@pytest.fixture(scope="module")
def network(request):
    folder = request.path.parents[1] / "dummy" / "lass-ode-tiny"
    return load_model(folder).network


def straight_line(quantiles=1):
    """A network whose curve is zero in normalised units, whatever the prefix."""
    config = LASSODEConfig.from_dict(
        {
            "model_type": "lass-ode",
            "format_version": 1,
            "max_dim": 2,
            "width": 8,
            "heads": 1,
            "layers": 1,
            "experts": 2,
            "expert_width": 8,
            "recurrent_layers": 1,
            "tokens": 4,
            "kernels": 4,
            "kernel_width": 0.25,
            "hub": 1,
            "latent": 2,
            "patch": 0,
            "prefix_features": False,
            "quantiles": quantiles,
            "dynamics": "free",
        }
    )
    built = LASSODE(config).eval()
    torch.nn.init.zeros_(built.output.weight)
    return built


def wave(points=60, end=6.0, dim=2):
    t = np.linspace(0, end, points)
    return t, np.column_stack([np.sin(2 * t + d) for d in range(dim)])


def test_the_forecast_starts_at_the_last_observation(network):
    t, x = wave()
    curve = Curve(network, t, x, 10.0)
    middle = network.config.quantiles // 2
    just_after = curve.values(np.array([t[-1] + 1e-9, 10.0]))[0, :, middle]
    np.testing.assert_allclose(just_after, x[-1], atol=1e-5)


def test_the_correction_fades_with_a_tenth_of_the_window():
    t, x = wave()
    curve = Curve(straight_line(), t, x, 10.0)
    later = np.array([7.0, 8.0, 10.0])
    low, high = x.min(axis=0), x.max(axis=0)
    center = (low + high) / 2
    expected = center + (x[-1] - center) * np.exp(-(later[:, None] - 6.0))
    np.testing.assert_allclose(curve.values(later)[..., 0], expected, atol=1e-6)
    np.testing.assert_allclose(curve.slopes(later), center - expected, atol=1e-6)
    np.testing.assert_allclose(curve.values(t[:-1])[..., 0], np.broadcast_to(center, (59, 2)), atol=1e-6)


@pytest.mark.parametrize(("until", "windows", "end"), [(10.0, 1, 10.0), (6.1, 1, 6.0 / 0.9), (20.0, 1, 20.0)])
def test_one_window_where_the_prefix_is_a_share_of_training(network, until, windows, end):
    t, x = wave()
    curve = Curve(network, t, x, until)
    assert len(curve.windows) == windows
    assert curve.windows[-1].end == pytest.approx(end)


def test_several_windows_far_ahead(network):
    t, x = wave()
    curve = Curve(network, t, x, 120.0)
    ends = [window.end for window in curve.windows]
    assert ends[0] == pytest.approx(20.0)
    np.testing.assert_allclose(
        np.diff(ends)[:-1], 8.0, atol=0.2
    )  # each goes on by two fifths of the first one's length
    assert ends[-1] >= 120.0
    grid = np.linspace(0, 120, 600)
    values = curve.values(grid)
    assert np.isfinite(values).all()
    # The median does not jump where windows meet.
    for end in ends[:-1]:
        before, after = curve.values(np.array([end, end + 1e-7]))[..., network.config.quantiles // 2]
        np.testing.assert_allclose(before, after, atol=1e-4)


def test_quantiles_do_not_narrow_from_window_to_window():
    built = straight_line(quantiles=3)
    t, x = wave()
    curve = Curve(built, t, x, 40.0)
    widths = [np.ptp(curve.values(np.array([window.end]))[0], axis=-1) for window in curve.windows]
    assert all((later > earlier).all() for earlier, later in pairwise(widths))


def test_one_window_and_two_agree_on_a_constant():
    built = straight_line()
    t = np.linspace(0, 6, 30)
    x = np.full((30, 1), 4.0)
    near, far = Curve(built, t, x, 19.0), Curve(built, t, x, 27.0)
    assert (len(near.windows), len(far.windows)) == (1, 2)
    later = np.linspace(6.1, 19, 9)
    np.testing.assert_allclose(near.values(later), far.values(later), atol=1e-9)


def test_old_points_are_left_out_for_a_short_look_ahead():
    t, x = wave(1000, 100.0)
    assert _recent(t, x, 102.0, None)[0][0] == pytest.approx(82.0, abs=0.2)  # nine tenths of the window
    assert len(_recent(t, x, 100.01, None)[0]) == 100  # but a hundred points are kept
    assert len(_recent(t, x, 110.0, None)[0]) == pytest.approx(900, abs=2)
    assert len(_recent(t, x, 102.0, 0.0)[0]) == 1000  # unless they are asked for
    x[50:, 0] = np.nan  # and so many of every channel as it has
    assert len(_recent(t, x, 100.01, None)[0]) == 1000


def test_what_is_asked_of_the_past_does_not_change_what_comes(network):
    t, x = wave(400, 40.0)
    ahead = np.array([40.5, 41.0])
    alone, both = Curve(network, t, x, 41.0, 40.5), Curve(network, t, x, 41.0, 5.0)
    np.testing.assert_array_equal(both.values(np.append(t[60:], ahead))[-2:], alone.values(ahead))
    np.testing.assert_array_equal(both.slopes(np.append(t[60:], ahead))[-2:], alone.slopes(ahead))
    assert (alone.start, both.start) == (t[300], t[49])
    assert (len(alone.windows), len(both.windows)) == (1, 2)


@pytest.mark.parametrize("unit", [1.0, 3.53415, 86_400.0, 1 / 365.25])
def test_which_points_are_old_does_not_depend_on_the_unit_of_time(unit):
    t = 93.782 + unit * np.arange(201.0)
    # The first that is kept is as old as can be, but for rounding.
    assert len(_recent(t, np.sin(t / unit)[:, None], t[-1] + 20 * unit, None)[0]) == 181


@pytest.mark.parametrize("unit", [1.0, 0.1, 1 / 3, 0.01, 7.0])
def test_what_a_score_has_seen_does_not_depend_on_the_unit_of_time(unit):
    seen = []

    def curve(times, values, until, since):
        seen.append(len(times))
        return Curve(straight_line(), times, values, until, since)

    t = unit * np.arange(101.0)
    unseen_error(curve, t, np.sin(t / unit / 5)[:, None], "trajectory 0")
    assert seen == [61]


def test_channels_have_their_own_points():
    t = np.arange(5.0)
    x = np.array([[1.0, np.nan], [2.0, np.nan], [np.nan, 3.0], [4.0, 5.0], [np.nan, 6.0]])
    values, times, mask = split_channels(t, x)
    np.testing.assert_array_equal(values, [[1, 2, 4], [3, 5, 6]])
    np.testing.assert_array_equal(times, [[0, 1, 3], [2, 3, 4]])
    assert mask.all()
    at, last = last_observed(t, x)
    np.testing.assert_array_equal(at, [3, 4])
    np.testing.assert_array_equal(last, [4, 6])


def test_long_channels_are_averaged_but_for_their_last_point():
    t = 1.7e9 + np.arange(2000.0)
    x = np.column_stack([1e6 + t - t[0], np.sin(t)])
    values, times, mask = split_channels(t, x)
    assert mask.shape == (2, MAX_POINTS)
    assert mask.all()
    assert (times[:, -1] == t[-1]).all()
    np.testing.assert_array_equal(values[:, -1], x[-1])
    np.testing.assert_allclose(values[0] - 1e6, times[0] - t[0], atol=1e-6)
    assert (np.diff(times) > 0).all()


def window_of(network, t, x, end):
    return windows_of(network, [Request(t, x, end)])[0]


def test_more_channels_than_codes_go_in_groups(network):
    t, x = wave(dim=12)
    window = window_of(network, t, x, 10.0)
    assert len(window.parts) == 2
    later = np.linspace(6.5, 10, 7)
    np.testing.assert_allclose(window.values(later)[:, :10], window_of(network, t, x[:, :10], 10.0).values(later))
    np.testing.assert_allclose(window.values(later)[:, 10:], window_of(network, t, x[:, 10:], 10.0).values(later))


def test_curves_made_together_are_those_made_alone(network):
    rng = np.random.default_rng(0)
    series = []
    for points, end in [(60, 9.0), (60, 40.0), (50, 12.0), (60, 7.0)]:  # of one shape and another, one of two windows
        t, x = wave(points)
        series.append((t, x + rng.normal(0, 0.1, x.shape), end, None))
    together = Curve.of_many(network, series)
    assert [len(curve.windows) for curve in together] == [1, 4, 1, 1]
    for curve, own in zip(together, series, strict=True):
        later = np.linspace(6.1, own[2], 9)
        np.testing.assert_allclose(curve.values(later), Curve(network, *own).values(later), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("until", [6 / 0.3 * 80.61, 1e300, np.inf, np.nan])
def test_too_far_ahead_is_refused_before_any_window_is_made(until):
    t, x = wave()
    with pytest.raises(
        ValueError, match=r"too far ahead: observations from 0 to 6 can be forecast to 1612 .200 windows"
    ):
        Curve(None, t, x, until)


def test_as_far_ahead_as_is_allowed(monkeypatch):
    monkeypatch.setattr(module, "MOST_WINDOWS", 8)
    t, x = wave()
    furthest = 6 / 0.3 * (1 + 7 * 0.4)
    curve = Curve(straight_line(), t, x, furthest)
    assert len(curve.windows) <= 8
    assert np.isfinite(curve.values(np.array([furthest]))).all()


def test_many_times_are_decoded_in_pieces(network, monkeypatch):
    t, x = wave()
    curve, times = Curve(network, t, x, 10.0), np.linspace(0, 10, 57)
    values, slopes = curve.values(times), curve.slopes(times)
    monkeypatch.setattr(windows, "_MOST_TIMES", 10)
    np.testing.assert_allclose(curve.values(times), values, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(curve.slopes(times), slopes, rtol=1e-5, atol=1e-5)

import numpy as np
import pytest

from skdyn import FIMODERegressor, Trajectories
from skdyn.data.arrangement import arrange, thin
from skdyn.datasets.classics import make_trajectories, van_der_pol


def recording(points, span=60.0):
    t = np.linspace(0, span, points)
    return Trajectories([(t, np.column_stack([np.cos(t), -np.sin(t)]))])


def rows(context):
    return sorted((float(t), *map(float, x)) for when, states in context for t, x in zip(when, states))


def test_short_trajectories_stay_as_they_are():
    context = recording(200)
    assert arrange(context, 1.0, 200) is context


@pytest.mark.parametrize(("points", "speed"), [(201, 1.0), (1999, 1.0), (1999, 0.01), (5000, 0.1)])
def test_no_point_is_lost_and_no_piece_is_too_long(points, speed):
    context = recording(points)
    pieces = arrange(context, speed, 200)
    assert rows(pieces) == rows(context)
    assert max(map(len, pieces.times)) <= 200
    assert min(map(len, pieces.times)) >= 2


def test_dense_recordings_are_dealt_out():
    dense = arrange(recording(1000), speed=0.05, points=200)  # three units of time, over 300 points in each
    spans = [t[-1] - t[0] for t in dense.times]
    assert min(spans) > 50
    sparse = arrange(recording(1000), speed=1.0, points=200)
    assert max(t[-1] - t[0] for t in sparse.times) < 15


def test_arranging_sharpens_the_field_of_a_dense_noisy_recording():
    t = np.linspace(0, 3, 1000)
    pairs = make_trajectories("van_der_pol", [[2.0, 0.0]], t, noise=0.05, random_state=0)
    clean = make_trajectories("van_der_pol", [[2.0, 0.0]], t)[0][1]
    estimator = FIMODERegressor(device="cpu").fit(pairs)
    engine, _ = estimator._session.opened
    whole, _ = engine.decode(engine.encode([estimator.context_]), clean[None])
    truth = van_der_pol(clean)

    def error(field):
        return np.median(np.linalg.norm(field - truth, axis=1))

    assert error(estimator.predict(clean)) < 0.6 * error(whole[0])


def test_thinning_meets_the_limit_and_keeps_the_ends():
    context = Trajectories([*recording(1000), *recording(37)])
    thinned = thin(context, 300)
    assert thinned.n_points <= 300
    for (t, _), (kept, _) in zip(context, thinned):
        assert (kept[0], kept[-1]) == (t[0], t[-1])
    assert thin(context, 2000) is context


def test_fit_says_that_it_thins():
    with pytest.warns(UserWarning, match="1000 points was thinned evenly to"):
        FIMODERegressor(device="cpu", max_context=500).fit(recording(1000))

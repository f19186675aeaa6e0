"""FIMSDERegressor around its model: a tiny one with random weights, so that plumbing is tested and not accuracy."""

import pickle

import numpy as np
import pytest

import skdyn
import skdyn.plugins
from skdyn import FIMSDERegressor, Trajectories
from skdyn.nn.fim_sde import FIMSDEConfig

DAY = 86400.0


@pytest.fixture(scope="module")
def folder(dummy_folder):
    return dummy_folder.parent / "fim-sde-16d"


@pytest.fixture(scope="module")
def noisy_orbits():
    """Two noisy rotations of different lengths, in irregular steps."""
    rng = np.random.default_rng(3)
    pairs = []
    for points in (150, 80):
        t = np.cumsum(rng.uniform(0.02, 0.08, points))
        x = np.zeros((points, 2))
        x[0] = [1.0, 0.0]
        for i, h in enumerate(np.diff(t), start=1):
            drift = x[i - 1] @ np.array([[-0.3, -1.0], [1.0, -0.3]])
            x[i] = x[i - 1] + drift * h + np.sqrt(h) * rng.normal(0, [0.4, 0.2])
        pairs.append((t, x))
    return pairs


@pytest.fixture(scope="module")
def fitted(folder, noisy_orbits):
    return FIMSDERegressor(folder, device="cpu").fit(noisy_orbits)


POINTS = np.random.default_rng(0).normal(size=(5, 4, 2))


def test_registered_under_its_name():
    assert skdyn.make_estimator("fim-sde").model == "fim-sde"
    assert type(skdyn.make_estimator("fim-sde")) is FIMSDERegressor
    assert skdyn.plugins.get_model("fim-sde").name == "fim-sde"


def test_the_estimator_answers_what_the_network_says(fitted, noisy_orbits):
    """The same drift and diffusion as by hand: scaled, encoded, decoded and scaled back."""
    engine, context = fitted._session.opened
    drift, diffusion, drift_scale, diffusion_scale = engine.decode_sde(context, POINTS.reshape(1, -1, 2))
    for answers, expected in (
        (fitted.vector_field(POINTS, return_std=True), (drift, drift_scale)),
        (fitted.diffusion(POINTS, return_std=True), (diffusion, diffusion_scale)),
    ):
        for answer, part in zip(answers, expected, strict=True):
            np.testing.assert_array_equal(answer, part[0].reshape(POINTS.shape))
    np.testing.assert_array_equal(fitted.predict(POINTS[0]), fitted.vector_field(POINTS[0]))
    assert (fitted.diffusion(POINTS) >= 0).all()
    assert np.ptp(fitted.diffusion(POINTS)[..., 0]) > 0
    np.testing.assert_allclose(engine.decode(context, POINTS.reshape(1, -1, 2))[0], drift, rtol=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "c", "e"), [(1.0, 50.0, 1.0, 0.0), (1e3, 0.0, 1.0, 9.0), (1.0, 0.0, DAY, 1.7e9), (1e-6, 3.0, 1e-3, 0.0)]
)
def test_units_of_states_and_of_time(fitted, folder, noisy_orbits, a, b, c, e):
    moved = FIMSDERegressor(folder, device="cpu").fit([(c * t + e, a * x + b) for t, x in noisy_orbits])
    points = a * POINTS + b

    def close(actual, expected):
        np.testing.assert_allclose(actual, expected, atol=2e-3 * np.abs(expected).max())

    close(moved.vector_field(points) / a * c, fitted.vector_field(POINTS))
    close(moved.diffusion(points) / a * np.sqrt(c), fitted.diffusion(POINTS))
    close(moved.jacobian(points) * c, fitted.jacobian(POINTS))
    t = np.linspace(0, 1, 6)
    paths = moved.simulate(points[0], c * t + e, n_paths=3, random_state=0)
    close((paths - b) / a, fitted.simulate(POINTS[0], t, n_paths=3, random_state=0))
    scores = [est.score([(k * t + s, m * x + n) for t, x in noisy_orbits]) for est, k, s, m, n in
              ((moved, c, e, a, b), (fitted, 1.0, 0.0, 1.0, 0.0))]  # fmt: skip
    assert abs(scores[0] + 2 * np.log(a) - scores[1]) < 2e-3


def test_the_chunk_of_the_queries_does_not_change_the_paths(folder, noisy_orbits, fitted):
    other = FIMSDERegressor(folder, device="cpu", query_chunk=7).fit(noisy_orbits)
    t = np.linspace(0, 1, 5)
    paths = [est.simulate(POINTS[0], t, n_paths=9, random_state=0) for est in (fitted, other)]
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-3, atol=1e-4)


def test_long_recordings_keep_every_transition(folder):
    """Nothing is thinned or cut: twenty thousand points are read as they are, without a warning."""
    x = np.cumsum(np.random.default_rng(0).normal(size=(20_000, 1)), axis=0)
    est = FIMSDERegressor(folder, device="cpu").fit(x, t=0.01)
    assert est.context_.n_points == 20_000
    assert np.isfinite(est.diffusion(x[:5])).all()


def test_two_points_are_a_context(folder):
    est = FIMSDERegressor(folder, device="cpu").fit([(np.array([0.0, 0.5]), np.array([[0.0], [1.0]]))])
    assert np.isfinite(est.vector_field([[0.3]])).all()
    assert (est.diffusion([[0.3]]) >= 0).all()
    assert np.isfinite(est.score([(np.array([0.0, 0.5]), np.array([[0.0], [1.0]]))]))


def test_sixteen_variables(folder):
    x = np.cumsum(np.random.default_rng(1).normal(size=(60, 16)), axis=0)
    est = FIMSDERegressor(folder, device="cpu").fit(x)
    assert est.diffusion(x).shape == (60, 16)
    assert est.simulate(x[0], [0.0, 1.0], n_paths=2, random_state=0).shape == (2, 2, 16)


def test_pickles_hold_no_weights(fitted):
    content = pickle.dumps(fitted)
    size = sum(t.nbytes + x.nbytes for t, x in fitted.context_)
    assert len(content) < size + 5000
    again = pickle.loads(content)
    assert again._session._opened is None
    np.testing.assert_array_equal(again.diffusion(POINTS), fitted.diffusion(POINTS))


def test_saved_and_loaded(fitted, tmp_path):
    fitted.save(tmp_path)
    again = FIMSDERegressor.load(tmp_path)
    np.testing.assert_array_equal(again.diffusion(POINTS), fitted.diffusion(POINTS))


def test_a_score_is_by_the_model_of_the_fit(fitted, folder, noisy_orbits):
    other = FIMSDERegressor(folder, device="cpu").fit(noisy_orbits).set_params(model="nowhere")
    assert other.score(noisy_orbits) == fitted.score(noisy_orbits)


def test_model_selection_by_likelihood(folder):
    from sklearn.model_selection import cross_val_score

    x = np.cumsum(np.random.default_rng(2).normal(size=(120, 1)), axis=0)
    scores = cross_val_score(FIMSDERegressor(folder, device="cpu"), Trajectories(x).windows(20), cv=3)
    assert np.isfinite(scores).all()


def test_a_model_without_error_heads(folder, noisy_orbits, monkeypatch):
    fitted = FIMSDERegressor(folder, device="cpu").fit(noisy_orbits)
    engine, _ = fitted._session.opened
    decode = engine.decode_sde

    def without_heads(context, queries, alike=False):
        drift, diffusion, _, _ = decode(context, queries, alike)
        return drift, diffusion, np.full_like(drift, np.nan), np.full_like(drift, np.nan)

    monkeypatch.setattr(engine, "decode_sde", without_heads)
    assert fitted.diffusion(POINTS).shape == POINTS.shape
    with pytest.raises(ValueError, match="FIMSDERegressor does not predict the error of its diffusion"):
        fitted.diffusion(POINTS, return_std=True)
    with pytest.raises(ValueError, match="FIMSDERegressor does not predict the error of its field"):
        fitted.vector_field(POINTS, return_std=True)
    assert np.isfinite(fitted.score(noisy_orbits))


def test_the_configuration_is_checked():
    with pytest.raises(ValueError, match="unknown key 'dropout'"):
        FIMSDEConfig.from_dict({"dropout": 0.1})

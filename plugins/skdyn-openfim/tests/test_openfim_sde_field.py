"""Drift and diffusion as users see them, through `skdyn.FIMSDERegressor`."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skdyn import FIMSDERegressor, TrajectoryError
from skdyn.data.trajectories import Trajectories
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model

GOLDEN = Path(__file__).parent / "golden" / "sde"
LAYOUTS = ["published", "swapped"]
quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
positive = st.floats(1e-2, 1e2)


def fit(trajectories, model=GOLDEN / "published", precision="float64", **parameters):
    return FIMSDERegressor(model, device="cpu", precision=precision, **parameters).fit(trajectories)


def close(value, reference, tolerance=1e-6):
    return np.abs(value - reference).max() < tolerance * np.abs(reference).max()


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_drift_and_diffusion_are_the_authors_in_the_users_units(dim, contexts):
    context, queries = contexts[dim]
    with np.load(GOLDEN / "published" / "outputs.npz") as outputs:
        drift, diffusion = (outputs[f"{name}/softmax/residual/{dim}/end-tokens"] for name in ("drift", "diffusion"))
    for precision, tolerance in (("float64", 1e-11), ("float32", 5e-5)):
        estimator = fit(list(context), precision=precision)
        assert close(estimator.predict(queries), drift, tolerance)
        assert close(estimator.diffusion(queries), diffusion, tolerance)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(scale=positive, shift=st.floats(-100, 100), speed=positive, start=st.floats(-1e6, 1e6))
@quick
def test_equivariance_in_units_of_state_and_time(layout, contexts, scale, shift, speed, start):
    context, queries = contexts[2]
    factor = np.array([scale, 1.0])
    before = fit(list(context), GOLDEN / layout)
    after = fit([(t * speed + start, x * factor + shift) for t, x in context], GOLDEN / layout)
    points = queries * factor + shift
    assert close(after.predict(points), before.predict(queries) * factor / speed)
    assert close(after.diffusion(points), before.diffusion(queries) * factor / np.sqrt(speed))


@pytest.mark.parametrize("layout", LAYOUTS)
@given(order=st.permutations(range(4)))
@quick
def test_the_order_of_trajectories_does_not_matter(layout, contexts, order):
    context, queries = contexts[3]
    trajectories = list(context)
    before = fit(trajectories, GOLDEN / layout)
    after = fit([trajectories[k] for k in order], GOLDEN / layout)
    np.testing.assert_allclose(after.predict(queries), before.predict(queries), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(after.diffusion(queries), before.diffusion(queries), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_context_does_not_depend_on_its_batch_mates(layout, contexts):
    engine = Engine(load_model(GOLDEN / layout), "cpu", "float64")
    context, queries = contexts[2]
    t = np.linspace(0, 3, 40)
    other = Trajectories([(t, np.column_stack([np.sin(t), np.cos(t + k)])) for k in range(6)])
    alone = engine.decode_sde(engine.encode([context]), queries[None])
    together = engine.decode_sde(engine.encode([other, context]), np.stack([queries, queries]))
    for both, one in zip(together, alone, strict=True):
        np.testing.assert_allclose(both[1], one[0], rtol=1e-10)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_jacobian_is_the_derivative_of_the_drift(layout, contexts):
    context, queries = contexts[3]
    estimator = fit(list(context), GOLDEN / layout)
    scale = np.concatenate(context.states).std(axis=0)
    jacobian = estimator.jacobian(queries)
    for j in range(3):
        step = 1e-5 * scale[j] * np.eye(3)[j]
        slope = (estimator.predict(queries + step) - estimator.predict(queries - step)) / (2e-5 * scale[j])
        assert close(jacobian[..., j], slope)


def test_the_scale_of_the_drift_has_its_units(contexts):
    context, queries = contexts[2]
    _, scale = fit(list(context)).vector_field(queries, return_std=True)
    stretched = [(4 * t, x * [1.0, 7.0]) for t, x in context]
    _, scaled = fit(stretched).vector_field(queries * [1.0, 7.0], return_std=True)
    np.testing.assert_allclose(scaled, scale * [0.25, 1.75], rtol=1e-9)


def test_an_unknown_scale_is_an_error(sde_checkpoint, contexts):
    def without(name):
        return None if name.startswith("operator_loss_scale.") else name

    context, queries = contexts[2]
    estimator = fit(list(context), sde_checkpoint(rename=without, learnable_loss_scales=None))
    with pytest.raises(ValueError, match="does not predict the error"):
        estimator.vector_field(queries, return_std=True)
    assert (estimator.diffusion(queries) > 0).all()


def test_a_gap_is_a_longer_step(contexts):
    context, queries = contexts[2]
    t, x = context.times[0], context.states[0]
    gappy = x.copy()
    gappy[3] = np.nan
    dropped = fit([(t, gappy)], missing="drop")
    expected = fit([(np.delete(t, 3), np.delete(x, 3, axis=0))])
    np.testing.assert_array_equal(dropped.predict(queries), expected.predict(queries))


def test_pickled_and_simulated(contexts):
    context, queries = contexts[2]
    estimator = fit(list(context), precision="float32")
    assert estimator.weights_["name"] == "openfim/fim-sde"
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.diffusion(queries), estimator.diffusion(queries))
    t = np.linspace(0.0, 0.1, 3)
    paths = estimator.simulate(queries, t, n_paths=4, random_state=0)
    assert paths.shape == (len(queries), 4, 3, 2)
    assert np.isfinite(paths).all()
    np.testing.assert_array_equal(paths, again.simulate(queries, t, n_paths=4, random_state=0))
    assert np.isfinite(estimator.score(list(context)))


def test_more_variables_than_the_model_takes():
    t = np.linspace(0, 1, 10)
    with pytest.raises(TrajectoryError, match="4 variables but the model 'openfim/fim-sde' takes at most 3"):
        fit([(t, np.stack([t, t**2, t**3, t**4], axis=1))])

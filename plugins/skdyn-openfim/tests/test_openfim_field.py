"""The field as users see it, through `skdyn.FIMODERegressor`."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skdyn import FIMODERegressor, TrajectoryError
from skdyn.data.trajectories import Trajectories
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model

GOLDEN = Path(__file__).parent / "golden"
LAYOUTS = ["linear", "multihead"]
quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
positive = st.floats(1e-2, 1e2)


def fit(trajectories, layout="linear", precision="float64", **parameters):
    return FIMODERegressor(GOLDEN / layout, device="cpu", precision=precision, **parameters).fit(trajectories)


def pairs(context):
    return list(context)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(scale=positive, shift=st.floats(-100, 100), speed=positive, start=st.floats(-1e6, 1e6))
@quick
def test_equivariance_in_units_of_state_and_time(layout, contexts, scale, shift, speed, start):
    context, queries = contexts[2]
    factor = np.array([scale, 1.0])
    moved = [(t * speed + start, x * factor + shift) for t, x in context]
    expected = fit(pairs(context), layout).predict(queries) * factor / speed
    actual = fit(moved, layout).predict(queries * factor + shift)
    assert np.abs(actual - expected).max() < 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("unit", [1e-7, 1e-30])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_small_units_of_the_states(layout, unit, contexts):
    context, queries = contexts[2]
    for factor in (unit * np.ones(2), np.array([unit, 1.0])):
        small = fit([(t, x * factor) for t, x in context], layout).predict(queries * factor) / factor
        np.testing.assert_allclose(small, fit(context, layout).predict(queries), rtol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(order=st.permutations(range(4)))
@quick
def test_the_order_of_trajectories_does_not_matter(layout, contexts, order):
    context, queries = contexts[3]
    trajectories = pairs(context)
    expected = fit(trajectories, layout).predict(queries)
    actual = fit([trajectories[k] for k in order], layout).predict(queries)
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_context_does_not_depend_on_its_batch_mates(layout, contexts):
    engine = Engine(load_model(GOLDEN / layout), "cpu", "float64")
    context, queries = contexts[2]
    t = np.linspace(0, 3, 40)
    other = Trajectories([(t, np.column_stack([np.sin(t), np.cos(t + k)])) for k in range(6)])
    alone, _ = engine.decode(engine.encode([context]), queries[None])
    together, _ = engine.decode(engine.encode([other, context]), np.stack([queries, queries]))
    np.testing.assert_allclose(together[1], alone[0], rtol=1e-10)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_jacobian_is_the_derivative_of_the_field(layout, contexts):
    context, queries = contexts[3]
    estimator = fit(context, layout)
    scale = np.concatenate(context.states).std(axis=0)
    jacobian = estimator.jacobian(queries)
    for j in range(3):
        step = 1e-5 * scale[j] * np.eye(3)[j]
        slope = (estimator.predict(queries + step) - estimator.predict(queries - step)) / (2e-5 * scale[j])
        assert np.abs(jacobian[..., j] - slope).max() < 1e-6 * np.abs(slope).max()


def test_linear_attention_keeps_nothing_that_grows_with_the_context():
    engine = Engine(load_model(GOLDEN / "linear"), "cpu")
    sizes = []
    for points in (10, 1000):
        t = np.linspace(0, 6, points)
        encoded = engine.encode([Trajectories([(t, np.column_stack([np.sin(t), np.cos(t)]))])]).encoded
        sizes.append(sum(tensor.numel() for memory in (*encoded.field, *encoded.uncertainty) for tensor in memory))
    assert sizes[0] == sizes[1]


def test_precisions_agree(contexts):
    context, queries = contexts[2]
    exact = fit(context).predict(queries)
    largest = np.abs(exact).max(axis=0)
    assert (np.abs(fit(context, precision="float32").predict(queries) - exact) / largest).max() < 1e-4
    assert (np.abs(fit(context, precision="bfloat16").predict(queries) - exact) / largest).max() < 0.2


def test_squared_errors_are_turned_into_a_laplace_scale(checkpoint, evaluate):
    _, log_scale = evaluate(checkpoint(), 2)
    _, from_squares = evaluate(checkpoint(train={"loss_type": "mse"}), 2)
    # A Laplace distribution of scale b has the variance 2 b^2.
    np.testing.assert_allclose(2 * np.exp(from_squares) ** 2, np.exp(log_scale), rtol=1e-12)


def test_an_unknown_scale_is_nan_and_the_field_the_same(checkpoint, evaluate):
    field, _ = evaluate(checkpoint(), 2)
    headless = checkpoint(rename=lambda name: None if name.startswith("u_model.") else name, num_res_layer_u_model=None)
    for folder in (headless, checkpoint(train={"train_with_normalized_head": False})):
        other, log_scale = evaluate(folder, 2)
        assert np.isnan(log_scale).all()
        np.testing.assert_array_equal(other, field)


def test_the_scale_has_the_units_of_the_field(contexts):
    context, queries = contexts[2]
    _, scale = fit(context).vector_field(queries, return_std=True)
    _, scaled = fit([(t, x * [1.0, 7.0]) for t, x in context]).vector_field(queries * [1.0, 7.0], return_std=True)
    np.testing.assert_allclose(scaled, scale * [1.0, 7.0], rtol=1e-9)


def test_pickled_and_simulated(contexts):
    context, queries = contexts[2]
    estimator = fit(context, precision="float32")
    assert estimator.weights_["name"] == "openfim/fim-ode"
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.predict(queries), estimator.predict(queries))
    assert estimator.simulate(queries, [0.0, 0.001, 0.002]).shape == (len(queries), 3, 2)


def test_more_variables_than_the_model_takes():
    t = np.linspace(0, 1, 10)
    with pytest.raises(TrajectoryError, match="4 variables but the model 'openfim/fim-ode' takes at most 3"):
        fit([(t, np.stack([t, t**2, t**3, t**4], axis=1))])


def test_inputs_are_refused_in_the_name_of_the_model(contexts):
    with_inputs = [(t, x, t) for t, x in contexts[2][0]]
    message = r"^the model '.*linear' takes no inputs nor parameters, but X has u0: choose .* model='fim-ode'"
    with pytest.raises(TrajectoryError, match=message):
        fit(with_inputs)


def test_encoding_leaves_the_global_state_of_torch_alone(contexts):
    state, dtype, threads = torch.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads()
    fit(contexts[2][0]).predict(contexts[2][1])
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.get_default_dtype(), torch.get_num_threads()) == (dtype, threads)

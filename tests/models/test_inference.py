import threading

import numpy as np
import pytest
import torch

from skdyn import FIMODERegressor, Trajectories, TrajectoryError
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model


@pytest.fixture(scope="module")
def engine():
    return Engine(load_model("fim-ode"), "cpu")


@pytest.fixture(scope="module")
def context(orbits):
    return Trajectories(orbits)


@pytest.fixture(scope="module")
def queries():
    return np.random.default_rng(5).normal(size=(1, 150, 2))


def close(value, reference, tolerance):
    return np.abs(value - reference).max() <= tolerance * np.abs(reference).max()


def test_a_batch_of_contexts_gives_what_each_gives_alone(engine, context, queries):
    rng = np.random.default_rng(2)
    other = Trajectories([(t * 3, rng.normal(size=2) + x * 5) for t, x in context[:2]])
    batch = engine.encode([context, other, context[1:]])
    field, scale = engine.decode(batch, np.repeat(queries, 3, axis=0))
    assert field.shape == scale.shape == (3, 150, 2)
    assert field.dtype == np.float64
    for b, alone in enumerate((context, other, context[1:])):
        one_field, one_scale = engine.decode(engine.encode([alone]), queries)
        assert close(field[b], one_field[0], 1e-5)
        assert close(scale[b], one_scale[0], 1e-4)


def test_precisions(engine, context, queries):
    exact = engine.with_precision("float64")
    assert exact.with_precision("float64").network is exact.network
    reference, _ = exact.decode(exact.encode([context]), queries)
    single, _ = engine.decode(engine.encode([context]), queries)
    assert close(single, reference, 1e-4)
    converted, _ = exact.decode(exact.convert(engine.encode([context])), queries)
    assert close(converted, single, 1e-4)
    half = engine.with_precision("bfloat16")
    rough, _ = half.decode(half.encode([context]), queries)
    assert close(rough, reference, 0.1)
    assert not np.array_equal(rough, single)


def test_jacobian_is_the_derivative_of_the_field(engine, context, queries):
    exact = engine.with_precision("float64")
    encoded = exact.encode([context])
    field, jacobian = exact.jacobian(encoded, queries)
    assert jacobian.shape == (1, 150, 2, 2)
    np.testing.assert_allclose(field, exact.decode(encoded, queries)[0], rtol=1e-9, atol=1e-9)
    step = 1e-5
    for j in range(2):
        shift = np.zeros(2)
        shift[j] = step
        slope = (exact.decode(encoded, queries + shift)[0] - exact.decode(encoded, queries - shift)[0]) / (2 * step)
        # The arbiter sees sizes of differences, which have kinks: a few states lie on one.
        apart = np.abs(jacobian[..., j] - slope).max(axis=-1) / np.abs(slope).max()
        assert np.quantile(apart, 0.95) < 1e-4


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_the_chunk_is_a_matter_of_memory_only(engine, context, queries, chunk):
    other = Engine(engine.model, "cpu", query_chunk=chunk)
    # Near the kinks of the arbiter's inputs single precision decides the side, so Jacobians are compared in double.
    for method, precision, tolerance in (("decode", "float32", 1e-4), ("jacobian", "float64", 1e-8)):
        one, two = (part.with_precision(precision) for part in (engine, other))
        first = getattr(one, method)(one.encode([context]), queries)
        second = getattr(two, method)(two.encode([context]), queries)
        for a, b in zip(first, second, strict=True):
            assert close(b, a, tolerance)


@pytest.mark.parametrize("count", [1, 2, 9, 129, 500])
def test_sizes_of_chunks_change_rounding_only(engine, context, count):
    queries = np.random.default_rng(6).normal(size=(1, 700, 2))
    encoded = engine.encode([context])
    for method in ("decode", "jacobian"):
        together = getattr(engine, method)(encoded, queries)[0]
        assert close(getattr(engine, method)(encoded, queries[:, :count])[0], together[:, :count], 1e-6)


def test_within_a_size_other_queries_do_not_matter(engine, context):
    rng = np.random.default_rng(7)
    encoded = engine.encode([context])
    for least, most in ((1, 1), (2, 8), (9, 16), (137, 144), (700, 704)):
        queries = rng.normal(size=(1, most, 2))
        together, _ = engine.decode(encoded, queries)
        fewer, _ = engine.decode(encoded, queries[:, :least])
        np.testing.assert_array_equal(fewer, together[:, :least])


def test_the_field_of_rotations(fitted):
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    states = 0.7 * np.column_stack([np.cos(angles), np.sin(angles)])
    truth = states @ np.array([[-0.1, -1.0], [1.0, -0.1]])
    field = fitted.vector_field(states)
    assert np.abs(field - truth).max() < 0.15
    _, scale = fitted.vector_field([[0.5, 0.5], [20.0, 20.0]], return_std=True)
    assert (scale > 0).all()
    assert (scale[1] > scale[0]).all()


def test_queries_from_many_threads(fitted):
    rng = np.random.default_rng(3)
    batches = [rng.normal(size=(40, 2)) for _ in range(6)]
    alone = [(fitted.vector_field(batch), fitted.jacobian(batch)) for batch in batches]
    results = [None] * len(batches)

    def ask(index):
        results[index] = (fitted.vector_field(batches[index]), fitted.jacobian(batches[index]))

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (field, jacobian), (reference, reference_jacobian) in zip(results, alone, strict=True):
        np.testing.assert_array_equal(field, reference)
        np.testing.assert_array_equal(jacobian, reference_jacobian)


def test_no_global_setting_is_changed(orbits):
    def settings():
        return (
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.get_float32_matmul_precision(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.get_rng_state().sum().item(),
            np.geterr(),
        )

    before = settings()
    est = FIMODERegressor(device="cpu", precision="bfloat16").fit(orbits)
    est.vector_field([[0.0, 1.0]])
    est.jacobian([[0.0, 1.0]])
    est.simulate([0.0, 1.0], [0.0, 1.0])
    assert settings() == before


def test_weights_are_shared_and_never_modified(orbits):
    network = load_model("fim-ode").network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for _ in range(2):
        est = FIMODERegressor(device="cpu").fit(orbits)
        est.jacobian([[0.0, 1.0]])
        assert est._session.opened[0].network is network
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"precision": "float16"}, "precision must be 'float32', 'float64' or 'bfloat16', got 'float16'"),
        ({"query_chunk": 0}, "query_chunk must be a positive integer, got 0"),
        ({"query_chunk": 2.0}, "query_chunk must be a positive integer, got 2.0"),
        ({"query_chunk": True}, "query_chunk must be a positive integer, got True"),
    ],
)
def test_parameters(engine, parameters, message):
    with pytest.raises(ValueError, match=message):
        Engine(engine.model, "cpu", **parameters)


def test_contexts_that_do_not_fit(engine, context):
    with pytest.raises(
        TrajectoryError, match="the trajectories have 65 variables but the model 'fim-ode' takes at most 64"
    ):
        engine.encode([Trajectories(np.random.default_rng(0).normal(size=(5, 65)))])
    with pytest.raises(TrajectoryError, match="contexts of one batch must have the same number of variables"):
        engine.encode([context, Trajectories([[1.0], [2.0]])])
    still = Trajectories(np.ones((5, 2)))
    with pytest.raises(TrajectoryError, match=r"^every state is the same"):
        engine.encode([still])
    with pytest.raises(TrajectoryError, match=r"^context 1: every state is the same"):
        engine.encode([context, still])


@pytest.mark.parametrize(
    ("states", "step"), [(1e200, 1e-200), (1e160, 1e-150), (1.0, 1e-306), (1.0, 1e300), (1e-200, 1.0), (1e300, 1e300)]
)
def test_units_beyond_float64_are_refused(engine, context, states, step):
    extreme = Trajectories([(t * step, x * states) for t, x in context])
    with pytest.raises(TrajectoryError, match=r"too large or too small|no motion at the lag"):
        engine.encode([extreme])


@pytest.mark.parametrize(("states", "step"), [(1e300, 1.0), (1e-130, 1.0), (1.0, 1e100), (1.0, 1e-100), (1e100, 1e-90)])
def test_extreme_units_within_float64_change_nothing(engine, context, queries, states, step):
    plain, _ = engine.decode(engine.encode([context]), queries)
    extreme = Trajectories([(t * step, x * states) for t, x in context])
    field, _ = engine.decode(engine.encode([extreme]), queries * states)
    assert close(field / states * step, plain, 1e-4)

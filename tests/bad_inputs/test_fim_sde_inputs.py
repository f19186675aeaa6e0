"""What users get wrong with FIMSDERegressor: each is one clear error, and their data is as it was."""

import pickle
import shutil

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skdyn import FIMSDERegressor, TrajectoryError, WeightsError
from tests.bad_inputs.test_bad_inputs import QUERIES, TIMES, TRAJECTORIES, T, X, absent, configuration, content, refused

# The tiny model takes 16 variables, the bundled one of ODEs takes 3.
SHARED = sorted(TRAJECTORIES.keys() - {"too many variables"})


@pytest.fixture(scope="module")
def folder(dummy_folder):
    return dummy_folder.parent / "fim-sde-16d"


@pytest.fixture(scope="module")
def fitted(folder):
    return FIMSDERegressor(folder, device="cpu").fit(X, t=T)


@pytest.mark.parametrize("case", SHARED)
def test_trajectories(folder, case):
    data, kind, message = TRAJECTORIES[case]
    refused(FIMSDERegressor(folder, device="cpu").fit, kind, message, data)


@pytest.mark.parametrize("case", TIMES)
def test_times(folder, case):
    times, kind, message = TIMES[case]
    refused(lambda x, t: FIMSDERegressor(folder, device="cpu").fit(x, t=t), kind, message, X, times)


def test_too_many_variables(folder):
    message = "the trajectories have 18 variables but the model 'fim-sde' takes at most 16"
    refused(FIMSDERegressor(folder, device="cpu").fit, TrajectoryError, message, np.tile(X, (1, 9)))


PATHS = {
    "no time between points": ([0.0, 1.0, 1.0], [0.0, 1.0, 2.0], r"row 2: time repeats \(1.0 then 1.0\)"),
    "time that runs back": ([0.0, 2.0, 1.0], [0.0, 1.0, 2.0], r"row 2: time decreases \(2.0 then 1.0\)"),
    "a constant path": ([0.0, 1.0, 2.0], [3.0, 3.0, 3.0], "every state is the same .*: constant trajectories show no"),
    "a constant path of two points": ([0.0, 1.0], [3.0, 3.0], "every state is the same"),
    "a path of one point": ([0.0], [3.0], "trajectory 0 has 1 sample; at least 2 are needed"),
    "infinite time": ([0.0, 1.0, np.inf], [0.0, 1.0, 2.0], "row 2: the time is inf"),
}


@pytest.mark.parametrize("case", PATHS)
def test_paths(folder, case):
    t, x, message = PATHS[case]
    pairs = [(np.array(t), np.array(x)[:, None])]
    refused(FIMSDERegressor(folder, device="cpu").fit, TrajectoryError, message, pairs)
    fitted = FIMSDERegressor(folder, device="cpu").fit([[0.0], [1.0], [0.5]])
    if not case.startswith("a constant path"):
        refused(fitted.score, TrajectoryError, message, pairs)
    else:
        assert np.isfinite(fitted.score(pairs))


@pytest.mark.parametrize("method", ["vector_field", "diffusion", "jacobian"])
@pytest.mark.parametrize("case", QUERIES)
def test_queries(fitted, method, case):
    points, message = QUERIES[case]
    refused(getattr(fitted, method), ValueError, message.replace("FIMODERegressor", "FIMSDERegressor"), points)


@pytest.mark.parametrize(
    ("x0", "t", "message"),
    [
        ([1.0], T, r"x0 has shape \(1,\), but FIMSDERegressor was fitted on 2 variables"),
        (np.zeros((2, 2, 2)), T, r"x0 has shape \(2, 2, 2\): expected \(D,\) or \(N, D\)"),
        ([np.nan, 0.0], T, r"x0\[0\] is nan, not finite"),
        ([1.0, 0.0], 3.0, r"t has shape \(\): expected the times"),
        ([1.0, 0.0], [], r"t has shape \(0,\)"),
        ([1.0, 0.0], T[::-1], "t: .*row 1: time decreases"),
        ([1.0, 0.0], [0.0, 1.0, 1.0], "t: .*row 2: time repeats"),
        ([1.0, 0.0], [0.0, np.nan], "t: .*row 1: the time is nan"),
        ([1.0, 0.0], [0.0, 1e10], "t would take .* steps, more than 100000"),
    ],
)
def test_simulations(fitted, x0, t, message):
    refused(fitted.simulate, ValueError, message, x0, t)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_paths": 0}, "n_paths must be a positive integer, got 0"),
        ({"n_paths": -3}, "n_paths must be a positive integer, got -3"),
        ({"n_paths": 2.5}, "n_paths must be a positive integer, got 2.5"),
        ({"n_paths": True}, "n_paths must be a positive integer, got True"),
        ({"n_paths": "many"}, "n_paths must be a positive integer, got 'many'"),
        ({"substeps": 0}, "substeps must be a positive integer, got 0"),
        ({"substeps": 1.5}, "substeps must be a positive integer, got 1.5"),
        ({"substeps": 10**9}, "t would take 8e.09 steps, more than 100000: choose a shorter span of times, or fewer"),
        ({"bound": 0.0}, "bound must be positive and finite, got 0.0"),
        ({"bound": np.nan}, "bound must be positive and finite, got nan"),
        (
            {"random_state": -1},
            "random_state must be None, a non-negative integer, a numpy Generator or RandomState, got -1",
        ),
        (
            {"random_state": True},
            "random_state must be None, a non-negative integer, a numpy Generator or RandomState, got True",
        ),
        (
            {"random_state": 1.5},
            "random_state must be None, a non-negative integer, a numpy Generator or RandomState, got 1.5",
        ),
    ],
)
def test_simulation_settings(fitted, settings, message):
    with pytest.raises(ValueError, match=message):
        fitted.simulate([1.0, 0.0], T, **settings)


@pytest.mark.parametrize("method", ["predict", "vector_field", "diffusion", "jacobian", "score", "stationary_density"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError, match="This FIMSDERegressor instance is not fitted yet"):
        getattr(FIMSDERegressor(), method)(X)


@pytest.mark.parametrize("method", ["predict", "score"])
def test_other_dimensions(fitted, method):
    with pytest.raises(ValueError, match="X has 3 features, but FIMSDERegressor is expecting 2 features"):
        getattr(fitted, method)(np.column_stack([X, X[:, 0]]))


@pytest.mark.parametrize(
    ("parameters", "kind", "message"),
    [
        ({"device": "tpu"}, ValueError, "device 'tpu' is not available here"),
        ({"precision": "int8"}, ValueError, "precision must be 'float32', 'float64' or 'bfloat16', got 'int8'"),
        ({"query_chunk": 0}, ValueError, "query_chunk must be a positive integer, got 0"),
        ({"missing": "skip"}, TrajectoryError, "missing must be 'raise' or 'drop', got 'skip'"),
        ({"model": "gpt"}, WeightsError, "no model 'gpt'. Looked at: the registered names .*; the folder"),
        ({"model": None}, WeightsError, "model must be a registered name, a folder or an hf:// id, got None"),
        ({"adapter": "absent"}, WeightsError, "the adapter folder .*absent has no file adapter.json"),
    ],
)
def test_parameters(folder, parameters, kind, message):
    est = FIMSDERegressor(**({"model": folder, "device": "cpu"} | parameters))
    refused(est.fit, kind, message, X)


def test_a_model_of_odes_is_no_model_of_sdes(dummy_folder):
    message = "the model 'fim-ode' at .*fim-ode-16d has no diffusion: choose a model of SDEs, such as 'fim-sde'"
    refused(FIMSDERegressor(dummy_folder, device="cpu").fit, WeightsError, message, X)


WEIGHTS = {
    "no weights": (absent("model.safetensors"), "has no file model.safetensors"),
    "truncated": (content("model.safetensors", lambda b: b[: len(b) // 2]), "model.safetensors is truncated"),
    "NaN": (content("model.safetensors", lambda b: b[:-2] + b"\xff\x7f"), "holds NaN or infinite values"),
    "pickle": (content("model.safetensors", lambda b: pickle.dumps(X)), "not a safetensors file"),
    "one more key": (configuration(dropout=0.1), "is not a configuration of fim-sde: unknown key 'dropout'"),
    "absurd leaves": (configuration(leaves=48), "leaves must be a power of two, got 48"),
    "lags in disorder": (configuration(lags=[4, 1]), r"lags must increase from 1, got \[4, 1\]"),
    "other width": (configuration(width=32), r"has shape .*, the configuration says"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_and_configurations(case, folder, tmp_path):
    damage, message = WEIGHTS[case]
    copy = tmp_path / "model"
    copy.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(folder / name, copy / name)
    damage(copy)
    refused(FIMSDERegressor(copy, device="cpu").fit, WeightsError, message, X)


def test_accepted_extremes_are_no_errors(folder):
    """What looks wrong but is not: all of these are read, and give finite answers."""
    points = X[:3]
    for data, queries in (
        (X[:2], points),
        (X * 1e100, points * 1e100),
        (X * 1e-100, points * 1e-100),
        (X + 1e9, points + 1e9),
        (np.column_stack([X[:, 0], np.full(9, 5.0)]), points),
        ([(T + 1.7e9, X)], points),
        ([(T, X), (T[:2], np.ones((2, 2)))], points),
        (X.astype(np.float16), points),
    ):
        est = FIMSDERegressor(folder, device="cpu").fit(data)
        for value in (*est.vector_field(queries, return_std=True), *est.diffusion(queries, return_std=True)):
            assert np.isfinite(value).all()
        assert np.isfinite(est.score(data))

"""What users get wrong: each is one clear error that names the place, and their data is as it was."""

import copy
import datetime as dt
import json
import pickle
import shutil

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError

from skdyn import FIMODERegressor, PluginError, Trajectories, TrajectoryError, WeightsError, make_estimator
from skdyn.plugins import ModelSpec, register_estimator, register_model

X = np.column_stack([np.cos(np.arange(9.0)), np.sin(np.arange(9.0))])
T = np.arange(9.0)


def edited(place, value, base=X):
    changed = base.astype(np.result_type(base, type(value)) if not isinstance(value, (str, dict)) else object)
    changed[place] = value
    return changed


def frame(**columns):
    return pd.DataFrame({"id": [0] * 9, "t": T, "x": X[:, 0], "y": X[:, 1]} | columns)


def snapshot(value):
    """A comparable picture of a value, its type and its memory layout."""
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.strides, value.flags.writeable, pickle.dumps(value))
    if isinstance(value, (list, tuple)):
        return (type(value), [snapshot(item) for item in value])
    if isinstance(value, pd.DataFrame):
        return (list(value.columns), [str(kind) for kind in value.dtypes], repr(value.to_numpy().tolist()))
    if isinstance(value, pl.DataFrame):
        return (value.schema, value.rows())
    return repr(value)


def refused(call, kind, message, *inputs):
    before = [snapshot(value) for value in inputs]
    with pytest.raises(kind, match=message) as caught:
        call(*inputs)
    assert type(caught.value) is kind
    assert [snapshot(value) for value in inputs] == before


TRAJECTORIES = {
    "None": (None, TrajectoryError, "trajectories must be a list of .* got NoneType"),
    "number": (3.0, TrajectoryError, "trajectories must be .* got float"),
    "string": ("data.csv", TrajectoryError, "trajectories must be .* got str"),
    "bytes": (b"data", TrajectoryError, "trajectories must be .* got bytes"),
    "dict": ({"t": T, "x": X}, TrajectoryError, "trajectories must be .* got dict"),
    "function": (len, TypeError, "X holds an object that is not a number"),
    "sparse matrix": (scipy.sparse.csr_array(X), TypeError, "sparse data is not supported"),
    "empty list": ([], TrajectoryError, "X holds no trajectories: the list is empty"),
    "empty array": (np.zeros((0, 2)), TrajectoryError, "trajectory 0 has 0 samples"),
    "no trajectories": (np.zeros((0, 5, 2)), TrajectoryError, "X holds no trajectories: its shape is"),
    "no points": ([(np.zeros(0), np.zeros((0, 2)))], TrajectoryError, "trajectory 0 has 0 samples"),
    "no variables": (np.zeros((5, 0)), TrajectoryError, r"trajectory 0: 0 feature\(s\)"),
    "empty rows": ([[], []], TrajectoryError, "trajectory 0 has 0 samples"),
    "0-D": (np.array(1.0), TrajectoryError, r"X has shape \(\): expected"),
    "1-D": (X[:, 0], TrajectoryError, r"X has shape \(9,\): expected .* Reshape your data"),
    "4-D": (np.zeros((1, 2, 3, 4)), TrajectoryError, r"X has shape \(1, 2, 3, 4\): expected"),
    "list of 3-D": ([X[None], X[None]], TrajectoryError, r"trajectory 0 has shape \(1, 9, 2\)"),
    "list of None": ([X, None], TrajectoryError, r"trajectory 1 has shape \(\)"),
    "one row": (X[:1], TrajectoryError, "trajectory 0 has 1 sample; at least 2 are needed"),
    "one row among others": ([X, X[:1]], TrajectoryError, "trajectory 1 has 1 sample"),
    "ragged rows": ([[1.0, 2.0], [3.0]], TrajectoryError, "X cannot be read as an array"),
    "ragged rows in one": ([X, [[1.0, 2.0], [3.0]]], TrajectoryError, "trajectory 1 cannot be read as an array"),
    "different dimensions": ([X, X[:, :1]], TrajectoryError, "trajectory 1 has 1 variables but trajectory 0 has 2"),
    "pairs and arrays": ([(T, X), X], TrajectoryError, r"trajectory 1 is not a \(t, x\) pair unlike trajectory 0"),
    "arrays and pairs": ([X, (T, X)], TrajectoryError, "trajectory 1 is a pair unlike trajectory 0"),
    "quadruples": ([(T, X, X, X)], TrajectoryError, "trajectory 0 cannot be read as an array"),
    "too many variables": (
        np.tile(X, (1, 33)),
        TrajectoryError,
        "66 variables but .* takes at most 64",
    ),
    "NaN": (edited((4, 1), np.nan), TrajectoryError, "trajectory 0, row 4, column 1: the state is NaN"),
    "NaN later": ([X, edited((2, 0), np.nan)], TrajectoryError, "trajectory 1, row 2, column 0: the state is NaN"),
    "infinity": (edited((4, 1), np.inf), TrajectoryError, "trajectory 0, row 4, column 1: the state is infinity"),
    "minus infinity": (edited((0, 0), -np.inf), TrajectoryError, "trajectory 0, row 0, column 0: .* infinity"),
    "masked": (np.ma.masked_greater(X, 0.9), TrajectoryError, "trajectory 0, row 0, column 0: the state is NaN"),
    "complex": (X + 0j, TrajectoryError, "X: Complex data not supported"),
    "complex among others": ([X, X + 0j], TrajectoryError, "trajectory 1: Complex data not supported"),
    "bool": (X > 0, TrajectoryError, "X has type bool: states must be real numbers"),
    "strings": (X.astype(str), TrajectoryError, "X has type <U.*: states must be real numbers"),
    "an object": (edited((1, 1), {"a": 1}), TypeError, "X holds an object that is not a number"),
    "a word": (edited((1, 1), "one"), TrajectoryError, "X holds an object that is not a number: .*'one'"),
    "None inside": ([[1.0, None], [2.0, 3.0]], TrajectoryError, "trajectory 0, row 0, column 1: the state is NaN"),
    "dates as states": (np.array([["2020-01-01"]] * 3, dtype="M8[D]"), TrajectoryError, "X has type datetime64"),
    "records": (np.zeros(4, dtype=[("x", float)]), TrajectoryError, "X has type .*: states must be real numbers"),
    "a huge integer": (
        [[10**400, 1], [2, 3]],
        TrajectoryError,
        "X holds an object that is not a number: int too large",
    ),
    "constant": (np.ones((9, 2)), TrajectoryError, "every state is the same"),
    "constant trajectories": ([np.ones((9, 2)), np.ones((4, 2))], TrajectoryError, "every state is the same"),
    "two constants": ([np.ones((9, 2)), np.zeros((4, 2))], TrajectoryError, "every state is the same"),
    "longer than a number": (
        [(np.array([-1.7e308, 0, 1.7e308]), np.eye(3)[:, :2])],
        TrajectoryError,
        "trajectory 0, row 2: the times from -1.7e.308 to 1.7e.308 last longer than a number can be",
    ),
    "too small to move": (X * 1e-300, TrajectoryError, "vary below 1e-140"),
    "list of frames": ([frame()], TrajectoryError, "X is a list of DataFrames: join them"),
    "frame of words": (frame(x=["a"] * 9), TrajectoryError, "column 'x' cannot be read as numbers"),
    "frame of booleans": (frame(x=[True] * 9), TrajectoryError, "column 'x' has type bool"),
    "frame without states": (frame()[["id", "t"]], TrajectoryError, r"the DataFrame has 0 feature\(s\)"),
    "frame without rows": (frame()[:0], TrajectoryError, "the DataFrame has 0 samples"),
    "frame without ids": (frame(id=[0.0] * 8 + [np.nan]), TrajectoryError, "column 'id', row 8: the id is missing"),
    "frame with NA ids": (frame(id=pd.array([0] * 8 + [None], "Int64")), TrajectoryError, "'id', row 8: the id is m"),
    "frame with NaT": (
        frame(t=pd.to_datetime([None] * 9)),
        TrajectoryError,
        "trajectory 0, row 0: the time is missing",
    ),
    "frame, equal columns": (frame().rename(columns={"y": "x"}), TrajectoryError, "column 'x' appears more than once"),
    "frame, equal times": (frame().rename(columns={"y": "t"}), TrajectoryError, "column 't' appears more than once"),
    "frame, unsorted": (frame(t=T[::-1]), TrajectoryError, "trajectory 0, row 1: time decreases"),
    "polars nulls": (pl.DataFrame({"x": [1.0, None, 3.0]}), TrajectoryError, "trajectory 0, row 1, column 'x': .* NaN"),
    "polars words": (
        pl.DataFrame({"x": ["a", "b"]}),
        TrajectoryError,
        "column 'x' holds an object|column 'x' has type",
    ),
    "polars lists": (pl.DataFrame({"x": [[1.0], [2.0]]}), TrajectoryError, "column 'x' "),
}


@pytest.mark.parametrize("case", TRAJECTORIES)
def test_trajectories(case):
    data, kind, message = TRAJECTORIES[case]
    refused(FIMODERegressor(device="cpu").fit, kind, message, data)


@pytest.mark.parametrize("case", ["NaN", "one row", "constant", "different dimensions"])
def test_a_refused_fit_leaves_no_fitted_estimator(case):
    est = FIMODERegressor(device="cpu")
    with pytest.raises(TrajectoryError):
        est.fit(TRAJECTORIES[case][0])
    with pytest.raises(NotFittedError):
        est.predict(X)


TIMES = {
    "too short": (T[:-1], TrajectoryError, r"trajectory 0 has 9 states but times of shape \(8,\)"),
    "2-D": (np.ones((9, 2)), TrajectoryError, "t has 9 rows for 1 trajectories"),
    "one list too many": ([T, T], TrajectoryError, "t lists 2 arrays for 1 trajectories"),
    "repeated": (edited(3, 2.0, T), TrajectoryError, r"trajectory 0, row 3: time repeats \(2.0 then 2.0\)"),
    "decreasing": (T[::-1], TrajectoryError, r"trajectory 0, row 1: time decreases \(8.0 then 7.0\)"),
    "NaN": (edited(3, np.nan, T), TrajectoryError, "trajectory 0, row 3: the time is nan"),
    "infinity": (edited(8, np.inf, T), TrajectoryError, "trajectory 0, row 8: the time is inf"),
    "huge": ((T - 4) * 4e307, TrajectoryError, "row 8: the times from .* last longer than a number can be"),
    "tiny": (T * 5e-324, TrajectoryError, "too large or too small for float64"),
    "bool": (T > 3, TrajectoryError, "trajectory 0: times of type bool are neither numbers nor dates"),
    "complex": (T * 1j, TrajectoryError, "trajectory 0: times of type complex128"),
    "strings": (T.astype(str), TrajectoryError, "trajectory 0: times of type <U"),
    "objects": ([object()] * 9, TrajectoryError, "trajectory 0: times are neither numbers nor dates"),
    "clock times": ([dt.time(hour) for hour in range(9)], TrajectoryError, "times are neither numbers nor dates"),
    "zero step": (0, TrajectoryError, "the time step t=0 must be positive and finite"),
    "negative step": (-0.1, TrajectoryError, "the time step t=-0.1 must be positive"),
    "NaN step": (float("nan"), TrajectoryError, "the time step t=nan must be positive"),
    "string step": ("1s", TrajectoryError, "t='1s' is neither a time step nor an array of times"),
    "bool step": (True, TrajectoryError, "t=True is neither a time step nor an array of times"),
    "months": (np.arange(9).astype("m8[M]"), TrajectoryError, r"timedelta64\[M\] have no fixed length"),
    "epoch seconds in float32": (
        (1.7e9 + T).astype(np.float32),
        TrajectoryError,
        "trajectory 0, row 1: time repeats",
    ),
}


@pytest.mark.parametrize("case", TIMES)
def test_times(case):
    times, kind, message = TIMES[case]
    refused(lambda x, t: FIMODERegressor(device="cpu").fit(x, t=t), kind, message, X, times)


@pytest.mark.parametrize(
    ("data", "times", "message"),
    [
        ([(T, X)], T, r"t is given twice: as an argument and inside the \(t, x\) pairs"),
        (Trajectories(X), T, "t is given twice: as an argument and inside the Trajectories"),
        (frame(), T, "t is given twice: name the DataFrame's time column instead"),
    ],
)
def test_times_given_twice(data, times, message):
    refused(lambda x, t: FIMODERegressor(device="cpu").fit(x, t=t), TrajectoryError, message, data, times)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Trajectories.from_dataframe(frame(), time="when"), "the DataFrame has no column 'when'; it has"),
        (lambda: Trajectories.from_dataframe(frame(), id="who"), "the DataFrame has no column 'who'"),
        (lambda: Trajectories.from_dataframe(frame(), features=["x", "z"]), "the DataFrame has no column 'z'"),
        (lambda: Trajectories.from_dataframe(frame(), features=[]), r"0 feature\(s\)"),
        (lambda: Trajectories.from_dataframe(X), "expected a pandas or polars DataFrame, got ndarray"),
        (lambda: Trajectories(X, missing="ignore"), "missing must be 'raise' or 'drop', got 'ignore'"),
        (lambda: Trajectories(Trajectories(X), missing=None), "missing must be 'raise' or 'drop', got None"),
        (
            lambda: Trajectories.from_dataframe(frame(), missing=np.nan),
            "missing must be 'raise', 'drop' or 'keep', got nan",
        ),
        (lambda: Trajectories(X).windows(1), "length must be an integer of at least 2, got 1"),
        (lambda: Trajectories(X).windows(10), "no trajectory is as long as a window of 10: the longest has 9 points"),
        (lambda: Trajectories(X).windows(3, -1), "stride must be an integer of at least 1, got -1"),
    ],
)
def test_trajectories_methods(call, message):
    with pytest.raises(TrajectoryError, match=message):
        call()


QUERIES = {
    "wrong width": ([[1.0, 2.0, 3.0]], r"points has shape \(1, 3\), but FIMODERegressor was fitted on 2 variables"),
    "too narrow": ([[1.0]], r"points has shape \(1, 1\)"),
    "a number": (1.0, r"points has shape \(\)"),
    "empty": ([], r"points has shape \(0,\)"),
    "ragged": ([[1.0, 2.0], [3.0]], "points cannot be read as an array"),
    "NaN": ([[0.0, 1.0], [0.0, np.nan]], r"points\[1, 1\] is nan, not finite"),
    "infinity": ([[0.0, np.inf]], r"points\[0, 1\] is inf, not finite"),
    "NaN in a grid": (edited((2, 3, 1), np.nan, np.zeros((4, 5, 2))), r"points\[2, 3, 1\] is nan"),
    "complex": ([[1j, 0.0]], "points: Complex data not supported"),
    "strings": ([["a", "b"]], "points has type <U1: expected real numbers"),
    "bool": ([[True, False]], "points has type bool: expected real numbers"),
    "objects": ([[None, {}]], "points holds an object that is not a number"),
    "None": (None, r"points has shape \(\)"),
}


@pytest.mark.parametrize("method", ["vector_field", "jacobian"])
@pytest.mark.parametrize("case", QUERIES)
def test_queries(fitted, method, case):
    points, message = QUERIES[case]
    refused(getattr(fitted, method), ValueError, message, points)


@pytest.mark.parametrize(
    ("x0", "t", "message"),
    [
        ([1.0], T, r"x0 has shape \(1,\), but FIMODERegressor was fitted on 2 variables"),
        (np.zeros((2, 2, 2)), T, r"x0 has shape \(2, 2, 2\): expected \(D,\) or \(N, D\)"),
        ([np.nan, 0.0], T, r"x0\[0\] is nan, not finite"),
        ([1.0, 0.0], 3.0, r"t has shape \(\): expected the times"),
        ([1.0, 0.0], [], r"t has shape \(0,\)"),
        ([1.0, 0.0], T[::-1], "t: .*row 1: time decreases"),
        ([1.0, 0.0], [0.0, np.nan], "t: .*row 1: the time is nan"),
        ([1.0, 0.0], ["a", "b"], "t: .*times of type <U1"),
    ],
)
def test_simulations(fitted, x0, t, message):
    refused(fitted.simulate, ValueError, message, x0, t)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "euler"}, "method must be one of 'auto', 'dopri5', 'rodas4', 'rk4'; got 'euler'"),
        ({"bound": -1.0}, "bound must be positive and finite, got -1.0"),
        ({"rtol": 0}, "rtol must be positive and finite, got 0"),
        ({"atol": np.nan}, "atol must be positive and finite, got nan"),
        ({"substeps": np.inf}, "substeps must be a positive integer, got inf"),
    ],
)
def test_simulation_settings(fitted, settings, message):
    with pytest.raises(ValueError, match=message):
        fitted.simulate([1.0, 0.0], T, **settings)


@pytest.mark.parametrize(
    "bounds",
    [[0, 1], [[0, 1]], [[1, 0], [0, 1]], [[0, np.inf], [0, 1]], [["a", "b"], ["c", "d"]], [[0, 0], [0, 1]], 3],
)
def test_bounds_of_equilibria(fitted, bounds):
    refused(fitted.equilibria, ValueError, "^bounds (must be|has type)", bounds)


def test_scoring_and_predicting_other_dimensions(fitted):
    with pytest.raises(ValueError, match="X has 3 features, but FIMODERegressor is expecting 2 features"):
        fitted.score(np.column_stack([X, X[:, 0]]))
    with pytest.raises(ValueError, match="X has 3 features, but FIMODERegressor is expecting 2 features"):
        fitted.predict(np.column_stack([X, X[:, 0]]))


@pytest.mark.parametrize("method", ["predict", "vector_field", "jacobian", "score"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError, match="This FIMODERegressor instance is not fitted yet"):
        getattr(FIMODERegressor(), method)(X)


@pytest.mark.parametrize("method", ["equilibria", "simulate"])
def test_not_fitted_dynamics(method):
    with pytest.raises(NotFittedError, match="This FIMODERegressor instance is not fitted yet"):
        getattr(FIMODERegressor(), method)(*([X[0], T] if method == "simulate" else []))


@pytest.mark.parametrize(
    ("parameters", "kind", "message"),
    [
        ({"device": "tpu"}, ValueError, "device 'tpu' is not available here"),
        ({"device": "cuda:77"}, ValueError, "device 'cuda:77' is not available here"),
        ({"device": None}, ValueError, "device None is not available here"),
        ({"precision": "int8"}, ValueError, "precision must be 'float32', 'float64' or 'bfloat16', got 'int8'"),
        ({"query_chunk": -1}, ValueError, "query_chunk must be a positive integer, got -1"),
        ({"query_chunk": 1.5}, ValueError, "query_chunk must be a positive integer, got 1.5"),
        ({"max_context": 1}, ValueError, "max_context must be an integer of at least 2, got 1"),
        ({"max_context": "all"}, ValueError, "max_context must be an integer of at least 2, got 'all'"),
        ({"missing": "skip"}, TrajectoryError, "missing must be 'raise' or 'drop', got 'skip'"),
        ({"model": "gpt"}, WeightsError, "no model 'gpt'. Looked at: the registered names .*; the folder"),
        ({"model": None}, WeightsError, "model must be a registered name, a folder or an hf:// id, got None"),
        ({"model": 7}, WeightsError, "model must be a registered name, a folder or an hf:// id, got 7"),
        ({"model": "hf://only-an-owner"}, WeightsError, "'hf://only-an-owner' is not a hub id"),
        ({"model": "/dev/null"}, WeightsError, "no model '/dev/null'"),
        ({"model": "x" * 10_000}, WeightsError, "no model 'xxx"),
    ],
)
def test_parameters(parameters, kind, message):
    est = FIMODERegressor(**({"device": "cpu"} | parameters))
    refused(est.fit, kind, message, X)


def test_unknown_parameters():
    with pytest.raises(TypeError, match="unexpected keyword argument 'depth'"):
        FIMODERegressor(depth=3)
    with pytest.raises(ValueError, match="Invalid parameter 'depth' for estimator FIMODERegressor"):
        FIMODERegressor().set_params(depth=3)


def configuration(**changes):
    def damage(folder):
        values = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(json.dumps(values))

    return damage


def content(name, change):
    def damage(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return damage


def absent(name):
    return lambda folder: (folder / name).unlink()


WEIGHTS = {
    "no weights": (absent("model.safetensors"), "has no file model.safetensors"),
    "no configuration": (absent("config.json"), "has no file config.json"),
    "truncated": (content("model.safetensors", lambda b: b[: len(b) // 2]), "model.safetensors is truncated"),
    "empty": (content("model.safetensors", lambda b: b""), r"not a safetensors file \(0 bytes\)"),
    "renamed": (content("model.safetensors", lambda b: b.replace(b'"head.', b'"haed.')), "unexpected tensor 'haed."),
    "NaN": (content("model.safetensors", lambda b: b[:-2] + b"\xff\x7f"), "holds NaN or infinite values"),
    "HTML": (content("model.safetensors", lambda b: b"<!doctype html>"), "model.safetensors is an HTML page"),
    "LFS": (content("model.safetensors", lambda b: b"version https://git-lfs"), "is a Git LFS pointer"),
    "pickle": (content("model.safetensors", lambda b: pickle.dumps(X)), "not a safetensors file"),
    "zip": (content("model.safetensors", lambda b: b"PK\x03\x04" + b), "not a safetensors file"),
    "one more key": (
        configuration(dropout=0.1),
        "config.json is not a configuration of fim-ode: unknown key 'dropout'",
    ),
    "a billion layers": (configuration(encoder_layers=10**9), "encoder_layers must be between 1 and 64"),
    "negative width": (configuration(width=-16), "width must be between 8 and 4096, got -16"),
    "absurd width": (configuration(width=2**60), "width must be between 8 and 4096"),
    "other width": (configuration(width=32), r"has shape .*, the configuration says"),
    "a string": (configuration(heads="two"), "heads must be an integer, got 'two'"),
    "future format": (configuration(format_version=9), "format_version must be 1 or 2, got 9"),
    "other model": (configuration(model_type="bert"), "unknown model_type 'bert'"),
    "not JSON": (content("config.json", lambda b: b"width: 16"), "config.json is not valid JSON"),
    "HTML configuration": (content("config.json", lambda b: b"<html>"), "config.json is an HTML page"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_and_configurations(case, dummy_folder, tmp_path):
    damage, message = WEIGHTS[case]
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(dummy_folder / name, folder / name)
    damage(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    refused(FIMODERegressor(folder, device="cpu").fit, WeightsError, message, X)
    with pytest.raises(WeightsError) as caught:
        FIMODERegressor(str(folder), device="cpu").fit(X)
    assert str(folder) in str(caught.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_weights_that_changed_since_the_fit(dummy_folder, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(dummy_folder / name, folder / name)
    stored = pickle.dumps(FIMODERegressor(folder, device="cpu").fit(X))
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"slope_clip": 49.0}))
    est = pickle.loads(stored)
    with pytest.raises(WeightsError, match="are not those this estimator was fitted with"):
        est.predict(X)
    shutil.rmtree(folder)
    with pytest.raises(WeightsError, match="does not exist or is not a folder"):
        est.predict(X)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_estimator("absent"), "nothing is registered as 'absent' in skdyn.estimators; known names"),
        (lambda: register_model("fim-ode"), "is a str, not a ModelSpec"),
        (lambda: register_model(None), "is a NoneType, not a ModelSpec"),
        (lambda: register_estimator("mine", int), "'mine' of register_estimator is not an estimator class"),
        (lambda: register_estimator("mine", FIMODERegressor()), "is not an estimator class"),
        (lambda: register_estimator("fim-ode", FIMODERegressor), "the name 'fim-ode' is taken"),
    ],
)
def test_plugins(call, message):
    with pytest.raises(PluginError, match=message):
        call()


def test_specifications_need_all_their_parts():
    with pytest.raises(TypeError, match=r"missing .* required"):
        ModelSpec("mine")


def test_accepted_extremes_are_no_errors():
    """What looks wrong but is not: all of these are read, and give a finite field."""
    points = X[:3]
    for data, queries in (
        (X[:2], points),
        (X * 1e100, points * 1e100),
        (X * 1e-100, points * 1e-100),
        (X + 1e9, points + 1e9),
        (np.column_stack([X[:, 0], np.full(9, 5.0)]), points),
        ([(T + 1.7e9, X)], points),
        (copy.deepcopy([X.tolist(), X[:4].tolist()]), points.tolist()),
        (X.astype(np.float16), points),
    ):
        est = FIMODERegressor(device="cpu").fit(data)
        field, scale = est.vector_field(queries, return_std=True)
        assert np.isfinite(field).all()
        assert (scale > 0).all()
        assert np.isfinite(scale).all()

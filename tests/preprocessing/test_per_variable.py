import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    StandardScaler,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdyn import FIMODERegressor, SparseODERegressor, Trajectories, TrajectoryError
from skdyn.model_selection import LeaveOneTrajectoryOut
from skdyn.preprocessing import PerVariable


@parametrize_with_checks([PerVariable(StandardScaler()), PerVariable(PCA(1)), PerVariable(FunctionTransformer())])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.fixture
def pairs():
    t = np.linspace(0, 6, 50)
    return [(t[:n], r * np.column_stack([3 * np.cos(t), -100 * np.sin(t)])[:n] + 500) for r, n in ((1, 50), (2, 40))]


def frame(pairs):
    return pd.concat(
        [
            pd.DataFrame({"id": key, "t": t, "hare": x[:, 0], "lynx": x[:, 1]})
            for key, (t, x) in zip("ab", pairs, strict=True)
        ],
        ignore_index=True,
    )


@pytest.mark.parametrize("transformer", [StandardScaler(), MinMaxScaler(), PCA(2), PowerTransformer()])
def test_all_states_are_transformed_together_and_back(pairs, transformer):
    stacked = np.concatenate([x for _, x in pairs])
    scaler = PerVariable(transformer)
    transformed = scaler.fit_transform(pairs)
    np.testing.assert_array_equal(np.concatenate(transformed.states), clone(transformer).fit_transform(stacked))
    assert all(np.array_equal(t, given) for t, (given, _) in zip(transformed.times, pairs, strict=True))
    back = scaler.inverse_transform(transformed)
    np.testing.assert_allclose(np.concatenate(back.states), stacked, rtol=1e-4)
    np.testing.assert_array_equal(scaler.inverse_transform(transformed.states[0]), back.states[0])


def test_times_identities_and_names_stay(pairs):
    table = frame(pairs).assign(t=lambda table: pd.Timestamp("2024-01-01") + pd.to_timedelta(table.t, unit="D"))
    X = Trajectories(table, time_unit="day")
    scaler = PerVariable(StandardScaler()).fit(X)
    out = scaler.transform(X)
    assert (out.ids, out.feature_names, out.axis) == (("a", "b"), ("hare", "lynx"), X.axis)
    assert scaler.get_feature_names_out().tolist() == ["hare", "lynx"]
    reordered = scaler.transform(table[["lynx", "t", "hare", "id"]])
    assert reordered.feature_names == ("hare", "lynx")
    np.testing.assert_array_equal(reordered.states[1], out.states[1])
    components = PerVariable(PCA(1)).fit(X)
    assert components.transform(X).feature_names == ("pca0",)
    assert components.inverse_transform(components.transform(X)).feature_names == ("hare", "lynx")
    with pytest.raises(TrajectoryError, match="unknown: 'fox'; missing: 'hare'"):
        scaler.transform(table.rename(columns={"hare": "fox"}))
    with pytest.raises(TrajectoryError, match="X has 3 features, but PerVariable is expecting 2 features"):
        scaler.transform([np.ones((3, 3))])


def test_arrays_and_tables_without_labels_are_states(pairs):
    scaler = PerVariable(StandardScaler()).fit(frame(pairs))
    x = pairs[0][1]
    expected = scaler.transformer_.transform(x)
    for states in (x, x.tolist(), [tuple(row) for row in x]):
        result = scaler.transform(states)
        assert isinstance(result, np.ndarray)
        np.testing.assert_array_equal(result, expected)
    for library in (pd, pl):
        result = scaler.transform(library.DataFrame({"lynx": x[:, 1], "hare": x[:, 0]}))
        assert isinstance(result, library.DataFrame)
        assert list(result.columns) == ["hare", "lynx"]
        np.testing.assert_array_equal(result.to_numpy(), expected)
    one = PerVariable(StandardScaler()).fit([x[:, 0], x[:, 1]])
    assert isinstance(one.transform([x[:, 0], x[:, 1]]), Trajectories)
    assert isinstance(scaler.transform(x[None]), Trajectories)
    assert isinstance(scaler.transform((pairs[0][0], x)), Trajectories)


@pytest.mark.parametrize("form", ["pairs", "frame", "array", "bare frame"])
def test_the_first_step_of_a_pipeline(pairs, form):
    x = pairs[0][1]
    bare = pd.DataFrame(x, columns=["hare", "lynx"])
    X = {"pairs": pairs, "frame": frame(pairs), "array": x, "bare frame": bare}[form]
    pipeline = make_pipeline(PerVariable(StandardScaler()), FIMODERegressor(device="cpu")).fit(X)
    scaled = PerVariable(StandardScaler()).fit(X).transform(X)
    alone = FIMODERegressor(device="cpu").fit(scaled)
    scaler = pipeline[0].transformer_
    np.testing.assert_array_equal(pipeline.predict(x), alone.predict(scaler.transform(x)))
    assert pipeline.score(X) == alone.score(scaled)
    names = pipeline[-1]._names
    assert names == (("x0", "x1") if form in ("pairs", "array") else ("hare", "lynx"))
    table = pd.DataFrame(x[:, ::-1], columns=["lynx", "hare"])
    if form in ("frame", "bare frame"):
        np.testing.assert_array_equal(pipeline.predict(table), pipeline.predict(x))


LOG = FunctionTransformer(np.log, feature_names_out="one-to-one")
BY_NAME = ColumnTransformer([("log", LOG, ["lynx"]), ("as_it_is", "passthrough", ["hare"])])


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
@pytest.mark.parametrize("transformer", [BY_NAME, make_pipeline(BY_NAME, StandardScaler())])
def test_columns_are_chosen_by_name(pairs, transformer, output):
    log = clone(transformer).set_output(transform=output)
    X, x = frame(pairs), pairs[1][1]
    fitted = PerVariable(log).fit(X)
    expected = clone(transformer).fit(X[["hare", "lynx"]]).transform(pd.DataFrame(x, columns=["hare", "lynx"]))
    out = fitted.transform(X)
    assert out.feature_names == ("log__lynx", "as_it_is__hare")
    np.testing.assert_allclose(out.states[1], expected)
    np.testing.assert_array_equal(fitted.transform(x), out.states[1])
    states = pd.DataFrame(x[:, ::-1], columns=["lynx", "hare"])
    np.testing.assert_array_equal(fitted.transform(states), out.states[1])
    assert list(fitted.transform(states).columns) == ["log__lynx", "as_it_is__hare"]
    pipeline = make_pipeline(PerVariable(log), SparseODERegressor(max_degree=1)).fit(X)
    assert pipeline.predict(x).shape == x.shape


@pytest.mark.parametrize("columns", [[0], slice(0, 1), [True, False], make_column_selector("hare"), ["hare"]])
def test_columns_are_chosen_in_every_way_of_scikit_learn(pairs, columns):
    chosen = ColumnTransformer([("scaled", StandardScaler(), columns)], remainder="passthrough")
    out = PerVariable(chosen).fit_transform(frame(pairs))
    assert out.feature_names == ("scaled__hare", "remainder__lynx")
    np.testing.assert_array_equal(out.states[0][:, 1], pairs[0][1][:, 1])


def test_a_part_without_names_is_refused_with_what_names_it(pairs):
    nameless = ColumnTransformer([("log", FunctionTransformer(np.log), ["hare"])])
    with pytest.raises(TypeError, match=r"does not name what it returns: .* log .*feature_names_out='one-to-one'"):
        PerVariable(nameless).fit_transform(frame(pairs))


def test_rates_are_those_of_transformed_variables(pairs):
    pipeline = make_pipeline(PerVariable(StandardScaler()), SparseODERegressor(max_degree=1)).fit(pairs)
    scale = pipeline[0].transformer_.scale_
    slope = np.array([[3 * -np.sin(1.0), -100 * np.cos(1.0)]])
    state = np.array([[3 * np.cos(1.0), -100 * np.sin(1.0)]]) + 500
    np.testing.assert_allclose(pipeline.predict(state), slope / scale, rtol=0.2)


def test_grids_of_the_transformer_are_searched(pairs):
    X = [*pairs, (pairs[0][0], 2.5 * (pairs[0][1] - 500) + 500)]
    pipeline = make_pipeline(PerVariable(PCA()), SparseODERegressor(max_degree=1))
    grid = {"pervariable__transformer__n_components": [1, 2]}
    search = GridSearchCV(pipeline, grid, cv=LeaveOneTrajectoryOut()).fit(X)
    assert search.best_params_ == {"pervariable__transformer__n_components": 2}


def test_rows_with_nan_reach_the_estimator_behind(pairs):
    pairs[1][1][7, 0] = np.nan
    message = r"trajectory 1, row 7, column 0: the state is NaN; pass Trajectories\(X, missing='drop'\)"
    with pytest.raises(TrajectoryError, match=message):
        make_pipeline(PerVariable(StandardScaler()), FIMODERegressor(device="cpu")).fit(pairs)
    pipeline = make_pipeline(PerVariable(StandardScaler()), FIMODERegressor(device="cpu", missing="drop")).fit(pairs)
    assert pipeline[-1].context_.n_points == 89


def test_what_a_transformer_cannot_do_is_refused_by_place(pairs):
    log = PerVariable(FunctionTransformer(np.log, np.exp)).fit(pairs)
    assert log.get_feature_names_out().tolist() == ["x0", "x1"]
    pairs[1][1][3] = [-1.0, 1.0]
    with pytest.raises(TrajectoryError, match=r"trajectory 1, row 3: the transformer makes \[nan, 0.0\] of the state"):
        log.transform(pairs)
    with pytest.raises(TrajectoryError, match="X, row 1: the transformer makes"):
        log.transform([[1.0, 1.0], [0.0, 1.0]])
    with pytest.raises(TrajectoryError, match=r"X, row 0: the transformer makes \[nan, -inf\] of the state"):
        log.transform(np.array([[np.nan, 0.0]]))
    with pytest.raises(TypeError, match="transformer=3 has no method 'fit'"):
        PerVariable(3).fit(pairs)
    with pytest.raises(TypeError, match="returns a sparse matrix, but states are dense: give it sparse_output=False"):
        PerVariable(OneHotEncoder()).fit_transform(pairs)
    with pytest.raises(TrajectoryError, match=r"returns the shape \(1, 2\) for states of shape \(90, 2\)"):
        PerVariable(FunctionTransformer(lambda x: x[:1])).fit_transform(pairs)
    with pytest.raises(AttributeError, match="StandardPCA has no inverse_transform"):
        PerVariable(StandardPCA()).fit(pairs).inverse_transform(pairs)


class StandardPCA(StandardScaler):
    @property
    def inverse_transform(self):
        raise AttributeError


def test_pickles_and_output_settings(pairs):
    import sklearn

    scaler = PerVariable(StandardScaler()).fit(pairs)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(scaler)).transform(pairs).states[0],
                                  scaler.transform(pairs).states[0])  # fmt: skip
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(PerVariable(StandardScaler()).fit_transform(pairs), Trajectories)

import json
import pickle
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.pipeline import make_pipeline

from skdyn import (
    FileError,
    FIMCoarseGrainer,
    FIMODERegressor,
    FIMSDERegressor,
    LASSODEForecaster,
    SparseODERegressor,
    Trajectories,
    fit_panel,
)
from skdyn.estimators._together import fit_together
from skdyn.models.adapters import save_adapter
from skdyn.models.weights import load_model
from skdyn.nn.lora import add_low_rank, attention_projections, initialise, low_rank_state
from skdyn.panel.groups import cut
from skdyn.panel.work import Reading, fit_batch

DUMMIES = Path(__file__).parents[1] / "dummy"
FAST = ("equations", "score", "forecast")


@pytest.fixture(scope="module")
def found(patients):
    return fit_panel(patients, "patient", outputs=FAST, horizon=4)


def same(a, b):
    pd.testing.assert_index_equal(a.index, b.index)
    assert list(a.columns) == list(b.columns)
    for name in a.columns:
        for left, right in zip(a[name], b[name], strict=True):
            np.testing.assert_equal(left, right)


def test_one_row_a_group(found, patients):
    assert list(found.index) == ["a", "b", "c", "d", "e", "still", "torn"]
    assert found.index.name == "patient"
    assert list(found.columns) == ["n_trajectories", "n_points", *FAST, "error"]
    good = found.loc[list("abcde")]
    assert [error is None for error in found["error"]] == [True] * 5 + [False] * 2
    assert (good["score"] > 0.95).all()
    assert good["n_points"].tolist() == [34, 33, 32, 31, 30]
    assert all(path.shape == (4, 2) for path in good["forecast"])
    assert all(len(lines) == 2 and " = " in lines[0] for lines in good["equations"]), good["equations"]["a"]


def test_rows_are_what_single_fits_say(found, patients):
    for name in ("a", "d"):
        own = patients[patients["patient"] == name].drop(columns="patient")
        alone = FIMODERegressor().fit(own)
        assert found["equations"][name] == alone.equations()
        assert found["score"][name] == pytest.approx(alone.score(own), abs=1e-4)
        t, x = alone.context_[0]
        step = np.median(np.diff(t))
        path = alone.simulate(x[-1], t[-1] + step * np.arange(5))[1:]
        np.testing.assert_allclose(found["forecast"][name], path, atol=1e-3)


def test_a_bad_group_does_not_keep_the_others_apart(patients):
    tables = [part.drop(columns="patient") for _, part in patients.groupby("patient")]
    together = fit_together(FIMODERegressor(), [FIMODERegressor()._read(table, None) for table in tables[:-1]])
    assert isinstance(together.fitted[5], ValueError)
    assert together.rows == {i: i for i in range(5)}


def test_errors_are_rows(found):
    for name, message in (("still", "TrajectoryError: every state"), ("torn", "TrajectoryError: ")):
        row = found.loc[name]
        assert row["error"].startswith(message)
        assert np.isnan(row["score"])
        assert row["forecast"] is None


def test_an_output_that_fails_leaves_the_others():
    rng = np.random.default_rng(0)
    noise = pd.DataFrame({"g": 1, "time": np.arange(40.0), "x": np.cumsum(rng.normal(size=40))})
    row = fit_panel(noise, "g", outputs=("score", "equations")).iloc[0]
    assert np.isfinite(row["score"])
    assert (row["error"] is None) == (row["equations"] is not None)


def test_several_keys_and_trajectories(patients):
    two = pd.concat([patients.assign(site=site) for site in (2, 1)])
    two = two[two["patient"].isin(["a", "b"])].assign(visit="first")
    later = two.assign(visit="second")
    found = fit_panel(pd.concat([two, later]), ["site", "patient"], outputs="forecast", horizon=3)
    assert list(found.index) == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]
    assert found["n_trajectories"].tolist() == [2] * 4 or found["error"].notna().all()


def test_inputs_and_parameters_are_columns():
    rng = np.random.default_rng(0)
    parts = []
    for name in "ab":
        for drop in range(3):
            t, mass, rate = np.linspace(0, 8, 40), 1.0 + drop, rng.uniform(0.5, 1.5)
            push = np.sin(rate * t)
            # x' = -x / mass + u, of which the solution for a sine is known.
            a = 1 / mass
            x = np.exp(-a * t) + (a * push - rate * np.cos(rate * t) + rate * np.exp(-a * t)) / (a**2 + rate**2)
            parts.append(pd.DataFrame({"who": name, "id": drop, "time": t, "x": x, "push": push, "mass": mass}))
    table = pd.concat(parts, ignore_index=True)
    asked = {"inputs": ["push"], "parameters": ["mass"]}
    found = fit_panel(table, "who", outputs=("score", "forecast"), horizon=3, **asked)
    assert found["error"].isna().all()
    assert (found["score"] > 0.9).all()
    own = Trajectories.from_dataframe(table[table["who"] == "b"].drop(columns="who"), **asked)
    alone = FIMODERegressor().fit(own)
    t, x = alone.context_[1]
    path = alone.simulate(x[-1], t[-1] + 8 / 39 * np.arange(4), inputs=own.inputs[1][-1], parameters=[2.0])
    np.testing.assert_allclose(found["forecast"]["b"][1], path[1:], atol=1e-3)
    zeros = fit_panel(table[table["who"] == "b"], "who", outputs="equilibria", **asked)
    (point,), expected = zeros["equilibria"]["b"], alone.equilibria(**own.typical)
    assert point["state"] == pytest.approx(expected[0].state.tolist(), abs=1e-3)
    without = fit_panel(table.drop(columns="mass"), "who", outputs="score", inputs=["push"])
    assert (without["score"] < found["score"]).all()
    assert fit_panel(table, "who", outputs="score", inputs=["pull"])["error"].str.contains("pull").all()


@pytest.mark.slow
def test_other_estimators(patients):
    few = patients[patients["patient"].isin(["a", "b"])]
    sparse = fit_panel(few, "patient", estimator=SparseODERegressor(max_degree=1), horizon=3)
    assert sparse["error"].isna().all()
    assert [len(points) for points in sparse["equilibria"]] == [1, 1]
    assert sparse["equilibria"]["a"][0]["kind"] == "stable spiral"
    ahead = fit_panel(few, "patient", estimator=LASSODEForecaster(), outputs=("score", "forecast"), horizon=3)
    assert ahead["forecast"]["a"].shape == (3, 2)
    assert ahead["error"].isna().all()


def test_polars_tables(found, patients):
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({name: patients[name].to_numpy() for name in patients.columns})
    same(fit_panel(table, "patient", outputs=FAST, horizon=4), found)


def test_a_run_goes_on_where_it_was(patients, found, tmp_path, monkeypatch):
    monkeypatch.setattr("skdyn.panel.groups._MOST_GROUPS", 2)
    calls = []

    def limited(*args):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(None)
        return fit_batch(*args)

    monkeypatch.setattr("skdyn.panel.panel._AHEAD", 1)
    monkeypatch.setattr("skdyn.panel.panel.fit_batch", limited)
    with pytest.raises(KeyboardInterrupt):
        fit_panel(patients, "patient", outputs=FAST, horizon=4, folder=tmp_path / "rows")
    kept = sorted(path.name for path in (tmp_path / "rows").glob("rows-*.json"))
    assert len(kept) == 2
    with monkeypatch.context() as patch:
        patch.setattr("skdyn.panel.panel.fit_batch", lambda *args: (calls.append(None), fit_batch(*args))[1])
        whole = fit_panel(patients, "patient", outputs=FAST, horizon=4, folder=tmp_path / "rows")
    assert len(calls) == 4
    assert whole["error"].notna().sum() == 2
    with monkeypatch.context() as patch:
        patch.setattr("skdyn.panel.panel.fit_batch", lambda *args: pytest.fail("all rows are there"))
        same(fit_panel(patients, "patient", outputs=FAST, horizon=4, folder=tmp_path / "rows"), whole)


def test_a_folder_of_another_request_is_refused(patients, tmp_path):
    few = patients[patients["patient"] == "a"]
    fit_panel(few, "patient", outputs="score", folder=tmp_path)
    for other in (
        {"outputs": "forecast"},
        {"outputs": "score", "horizon": 3},
        {"outputs": "score", "estimator": FIMODERegressor(max_context=20)},
        {"outputs": "score", "sort": True},
    ):
        with pytest.raises(FileError, match="holds the rows of another table, estimator, model or outputs"):
            fit_panel(few, "patient", folder=tmp_path, **other)
    with pytest.raises(FileError, match="holds the rows of another table"):
        fit_panel(few.assign(x=2 * few["x"]), "patient", outputs="score", folder=tmp_path)


def test_another_adapter_or_version_in_the_same_place_is_another_request(patients, tmp_path, monkeypatch):
    few, model = patients[patients["patient"] == "a"], DUMMIES / "fim-ode-16d"
    base = load_model(model)

    def fit(seed):
        adapted = add_low_rank(base.network, attention_projections(base.network), 2, 4.0)
        initialise(adapted, torch.Generator().manual_seed(seed))
        save_adapter(tmp_path / "adapter", base, 2, 4.0, low_rank_state(adapted), {})
        estimator = FIMODERegressor(model=model, adapter=tmp_path / "adapter", device="cpu")
        return fit_panel(few, "patient", estimator=estimator, outputs="score", folder=tmp_path / "rows")

    fit(0)
    with pytest.raises(FileError, match="holds the rows of another table, estimator, model or outputs, or of another"):
        fit(1)
    monkeypatch.setattr("skdyn.panel.store.__version__", "0.0.1")
    with pytest.raises(FileError, match="of another version of skdyn"):
        fit(0)


def test_damaged_rows_are_refused(patients, tmp_path):
    few = patients[patients["patient"] == "a"]
    fit_panel(few, "patient", outputs="score", folder=tmp_path)
    (path,) = tmp_path.glob("rows-*.json")
    content = json.loads(path.read_text())
    content["rows"][0]["score"] = 0.5
    path.write_text(json.dumps(content))
    with pytest.raises(FileError, match="damaged or altered"):
        fit_panel(few, "patient", outputs="score", folder=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"by": "person"}, "the table has no column 'person', only"),
        ({"by": []}, "leaves no groups"),
        ({"table": np.ones((3, 2))}, "table must be a pandas or polars DataFrame, got a ndarray"),
        ({"outputs": ("score", "shape")}, "outputs must be of 'equations', .*; got 'shape'"),
        ({"estimator": LASSODEForecaster(), "outputs": "equations"}, "LASSODEForecaster has no equations"),
        ({"estimator": FIMSDERegressor(), "outputs": "forecast"}, "FIMSDERegressor has no forecast"),
        ({"horizon": 0}, "horizon must be a positive integer"),
        ({"horizon": 10**9}, r"the forecasts of all groups of shape \(7, 1000000000, 3\) would take 156 GiB"),
        ({"n_jobs": "2"}, "n_jobs must be None or a whole number but 0, such as -1 for all cores, got '2'"),
        ({"n_jobs": 1.5}, "n_jobs must be None or a whole number but 0, .* got 1.5"),
        ({"n_jobs": 0}, "n_jobs must be None or a whole number but 0, .* got 0"),
        ({"by": ["patient", "patient"]}, "the column 'patient' stands twice in by: leave one of them out"),
        ({"duplicates": "last"}, "duplicates must be 'raise', 'mean' or 'first', got 'last'"),
    ],
)
def test_what_cannot_be_asked(patients, change, message):
    with pytest.raises(ValueError, match=message):
        fit_panel(**{"table": patients, "by": "patient"} | change)


def test_columns_themselves_are_no_names(patients):
    for by in (patients["patient"], patients["patient"].to_numpy(), [patients["patient"]], patients.columns):
        with pytest.raises(ValueError, match=r"by must be the name of a column or a list of names, got a .*: name col"):
            fit_panel(patients, by)
    with pytest.raises(ValueError, match="the column 'patient' stands twice in the table"):
        fit_panel(pd.concat([patients, patients[["patient"]]], axis=1), "patient")


def test_a_grainer_is_scored_by_its_frames():
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame(np.sin(np.cumsum(0.3 * rng.normal(size=(60, 1)), axis=0) + np.arange(4)))
        .add_prefix("pixel")
        .assign(film=name, time=0.1 * np.arange(60))
        for name in "ab"
    ]
    grainer = FIMCoarseGrainer(model=DUMMIES / "fim-sde-16d", max_iter=2, hidden=(4,), random_state=0, device="cpu")
    found = fit_panel(pd.concat(parts), "film", estimator=grainer, outputs="score")
    assert found["error"].isna().all()
    for part, score in zip(parts, found["score"], strict=True):
        own = part.drop(columns="film")
        assert score == pytest.approx(grainer.fit(own).score(own))


def test_a_pipeline_is_refused_at_once(patients):
    with pytest.raises(TypeError, match=r"estimator is a Pipeline.*transform the columns of the table.*group by group"):
        fit_panel(patients, "patient", estimator=make_pipeline(FIMODERegressor()), outputs="score")


def test_groups_are_put_in_order_where_that_is_asked_for(patients, found):
    few = patients[patients["patient"].isin(["a", "b"])]
    untidy = pd.concat([few, few[:3]]).sample(frac=1.0, random_state=0)
    refused = fit_panel(untidy, "patient", outputs="score")["error"]
    assert refused.str.contains("pass sort=True").all()
    tidy = fit_panel(untidy, "patient", outputs="score", sort=True, duplicates="first")
    np.testing.assert_allclose(tidy["score"], found["score"][["a", "b"]])


def test_single_values_may_be_missing_beside_inputs(patients):
    few = patients[patients["patient"] == "a"].assign(push=lambda table: np.sin(table["time"]))
    few.iloc[3, 2] = np.nan
    asked = {"by": "patient", "outputs": "score", "inputs": ["push"]}
    assert fit_panel(few, **asked, estimator=FIMODERegressor(missing="keep"))["error"].isna().all()


def test_missing_keys_are_refused(patients):
    with pytest.raises(ValueError, match="the column 'patient' has missing values"):
        fit_panel(patients.assign(patient=[None] * len(patients)), "patient")


def test_batches_hold_groups_of_about_the_same_length(patients, monkeypatch):
    monkeypatch.setattr("skdyn.panel.groups._MOST_ROWS", 70)
    groups = cut(patients, "patient")
    batches = groups.batches()
    assert sorted(np.concatenate(batches)) == list(range(7))
    lengths = [len(groups.tables[i]) for batch in batches for i in batch]
    assert lengths == sorted(lengths)
    assert max(len(batch) for batch in batches) == 2


def test_weights_are_never_sent(patients):
    """What goes to a worker is the tables and parameters, and what comes back is plain."""
    few = [patients[patients["patient"] == name].drop(columns="patient") for name in "ab"]
    job = (FIMODERegressor(), few, FAST, 4, Reading())
    assert len(pickle.dumps(job)) < 20_000
    rows = fit_batch(*job)
    assert json.loads(json.dumps(rows)) == rows


def test_contexts_encoded_together_answer_as_alone(orbits):
    contexts = [FIMODERegressor()._read(orbits[k : k + 1], None) for k in range(3)]
    together = fit_together(FIMODERegressor(), contexts)
    points = np.random.default_rng(0).normal(size=(5, 2))
    of = np.array([2, 0, 2, 1, 2])
    for estimator, context in zip(together.fitted, contexts, strict=True):
        np.testing.assert_allclose(estimator.predict(points), FIMODERegressor().fit(context).predict(points), atol=1e-4)
    for rows in ([0, 1, 2, 3, 4], [0, 2, 4], [1], [3, 1]):
        field = together.fields.field(of[rows], points[rows])
        exact, jacobian = together.fields.field_jacobian(of[rows], points[rows])
        for k, row in enumerate(rows):
            alone = together.fitted[of[row]]
            np.testing.assert_allclose(field[k], alone.predict(points[row : row + 1])[0], atol=1e-5)
            np.testing.assert_allclose(exact[k], field[k], atol=1e-4)
            np.testing.assert_allclose(jacobian[k], alone.jacobian(points[row]), atol=1e-4)


@pytest.mark.slow
def test_processes_give_the_same_rows(patients, found, monkeypatch):
    same(fit_panel(patients, "patient", outputs=FAST, horizon=4, n_jobs=2), found)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_gives_the_same_rows(patients, found):
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        same(fit_panel(patients, "patient", outputs=FAST, horizon=4), found)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")
def test_ray_gives_the_same_rows(patients, found):
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    register_ray = pytest.importorskip("ray.util.joblib").register_ray
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        register_ray()
        with joblib.parallel_config(backend="ray"):
            same(fit_panel(patients, "patient", outputs=FAST, horizon=4, n_jobs=2), found)
    finally:
        ray.shutdown()

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdyn import (
    FIMCoarseGrainer,
    FIMODERegressor,
    LASSODEForecaster,
    SparseODERegressor,
    Trajectories,
    TrajectoryError,
)
from skdyn.datasets.classics import make_trajectories
from skdyn.preprocessing import PerVariable, TimeDelayEmbedding
from tests.contract.test_contract import DUMMY_SDE


@pytest.fixture(scope="module")
def pairs():
    starts = [[1.0, 0.5], [2.0, 1.0], [0.5, 1.5], [1.5, 1.5]]
    return make_trajectories("lotka_volterra", starts, np.linspace(0, 8, 50))


@pytest.mark.parametrize("form", ["pairs", "trajectories", "windows"])
def test_cross_validation_takes_trajectories_as_samples(pairs, form):
    X = {"pairs": pairs, "trajectories": Trajectories(pairs), "windows": Trajectories(pairs[:1]).windows(12)}[form]
    scores = cross_val_score(FIMODERegressor(device="cpu"), X, cv=KFold(4))
    assert scores.shape == (4,)
    assert np.isfinite(scores).all()
    assert np.median(scores) > 0.5


def test_grid_search_chooses_by_the_score(pairs):
    search = GridSearchCV(SparseODERegressor(), {"max_degree": [1, 2]}, cv=2).fit(pairs)
    assert search.best_params_ == {"max_degree": 2}
    assert search.best_score_ > 0.99
    assert search.best_estimator_.n_features_in_ == 2


T = np.linspace(0, 9, 90)
CIRCLE = np.column_stack([np.cos(T), -np.sin(T)])
LINEAR = SparseODERegressor(library="polynomial", max_degree=None)


@pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")
@pytest.mark.parametrize(
    ("estimator", "table"),
    [
        (
            make_pipeline(PerVariable(StandardScaler()), LINEAR),
            pd.DataFrame({"t": T, "a": CIRCLE[:, 0], "b": CIRCLE[:, 1]}),
        ),
        (make_pipeline(TimeDelayEmbedding(1, 2), LINEAR), CIRCLE[:, :1]),
        (LASSODEForecaster(ensemble=None, missing="keep", device="cpu"), CIRCLE),
        (
            FIMCoarseGrainer(model=DUMMY_SDE, max_iter=1, validation_fraction=None, random_state=0, device="cpu"),
            np.tile(CIRCLE, 2).reshape(90, 2, 2),
        ),
    ],
    ids=["each variable", "delays", "missing values kept", "images"],
)
def test_a_table_cut_by_rows_is_noticed_whoever_reads_it(estimator, table):
    with pytest.warns(UserWarning, match=r"splits a table by rows: a trajectory is torn apart.*Pass Trajectories"):
        cross_val_score(estimator, table, cv=2)


def test_a_table_of_one_of_several_trajectories_is_not_torn():
    table = pd.concat([pd.DataFrame({"id": k, "t": T, "a": CIRCLE[:, 0], "b": CIRCLE[:, 1]}) for k in range(3)])
    table = table.reset_index(drop=True)
    pipeline = make_pipeline(PerVariable(StandardScaler()), LINEAR)
    assert cross_val_score(pipeline, table, cv=LeaveOneGroupOut(), groups=table["id"]).min() > 0.9


STEP = float(T[1])
RUNS = np.stack([size * CIRCLE for size in (1.0, 1.3, 1.7, 2.0)])
WITHOUT_TIMES = "X comes without times, .* was told their times by t=.*Trajectories\\(X, t=...\\)"


def test_times_that_only_fit_was_told_are_not_unit_steps_to_score():
    for t in (STEP, [T] * 4):
        with pytest.raises(TrajectoryError, match=WITHOUT_TIMES):
            cross_val_score(LINEAR, RUNS, cv=2, params={"t": t}, error_score="raise")
    with pytest.raises(TrajectoryError, match=WITHOUT_TIMES):
        GridSearchCV(LINEAR, {"max_points": [1000]}, cv=2, error_score="raise").fit(list(RUNS), t=STEP)
    assert cross_val_score(LINEAR, Trajectories(RUNS, t=STEP), cv=2).min() > 0.99
    with sklearn.config_context(enable_metadata_routing=True):
        routed = clone(LINEAR).set_fit_request(t=True).set_score_request(t=True)
        assert cross_val_score(routed, RUNS, cv=2, params={"t": STEP}).min() > 0.99


def test_who_has_told_times_is_asked_for_times(tmp_path):
    fitted = clone(LINEAR).fit(RUNS, t=STEP)
    fitted.save(tmp_path)
    for estimator in (fitted, pickle.loads(pickle.dumps(fitted)), SparseODERegressor.load(tmp_path)):
        with pytest.raises(TrajectoryError, match=WITHOUT_TIMES):
            estimator.score(RUNS)
        with pytest.raises(TrajectoryError, match=WITHOUT_TIMES):
            estimator.score(pd.DataFrame(RUNS[0], columns=["a", "b"]))
        for X, t in ((RUNS, STEP), (Trajectories(RUNS, STEP), None), ([(T, RUNS[0])], None)):
            assert estimator.score(X, t=t) > 0.99
        assert estimator.predict(Trajectories(RUNS)).shape == (360, 2)
    assert fitted.fit(Trajectories(RUNS, STEP)).score(RUNS) < 0.99  # times that the data had say nothing of others


@pytest.mark.parametrize("t", [None, 1, 1.0, np.arange(90.0), [np.arange(90)] * 4])
def test_unit_steps_need_not_be_told(t):
    assert clone(LINEAR).fit(RUNS, t=t).score(RUNS) > 0.99


def test_codes_of_frames_need_no_times(tmp_path):
    frames = np.tile(CIRCLE, 2)
    grainer = FIMCoarseGrainer(model=DUMMY_SDE, max_iter=1, validation_fraction=None, random_state=0, device="cpu")
    grainer.fit(frames, t=STEP).save(tmp_path)
    for fitted in (grainer, FIMCoarseGrainer.load(tmp_path)):
        assert fitted.transform([frames, frames]).shape == (180, 1)
        with pytest.raises(TrajectoryError, match=WITHOUT_TIMES):
            fitted.score(frames)
        assert fitted.score(frames, t=STEP) <= 0

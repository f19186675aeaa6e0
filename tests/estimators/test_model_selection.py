import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, KFold, LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdyn import FIMCoarseGrainer, FIMODERegressor, LASSODEForecaster, SparseODERegressor, Trajectories
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

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from skdyn import FIMODERegressor, SparseODERegressor, Trajectories
from skdyn.datasets.classics import make_trajectories


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

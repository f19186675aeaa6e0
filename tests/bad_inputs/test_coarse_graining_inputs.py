"""What users get wrong with FIMCoarseGrainer: each is one clear error, and their data is as it was."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from skdyn import FIMCoarseGrainer, SkdynError, TrajectoryError, WeightsError
from tests.bad_inputs.test_bad_inputs import TIMES, TRAJECTORIES, T, X, refused

OTHERWISE = {
    "too many variables",  # there is no limit to the features of a frame
    "constant",
    "constant trajectories",
    "two constants",
    "too small to move",
    "list of 3-D",  # images
}


@pytest.fixture(scope="module")
def make(dummy_folder):
    def make(**settings):
        tiny = {"model": dummy_folder.parent / "fim-sde-16d", "max_iter": 2, "hidden": (4,), "random_state": 0}
        return FIMCoarseGrainer(**(tiny | {"device": "cpu"} | settings))

    return make


@pytest.fixture(scope="module")
def fitted(make):
    return make().fit(X, t=T)


@pytest.mark.parametrize("case", sorted(TRAJECTORIES.keys() - OTHERWISE))
def test_recordings(make, case):
    data, kind, message = TRAJECTORIES[case]
    refused(make().fit, kind, message, data)


def test_one_image_is_no_recording(make):
    refused(make().fit, TrajectoryError, "trajectory 0 has 1 sample", [X[None], X[None]])


@pytest.mark.parametrize("case", TIMES)
def test_times(make, case):
    times, kind, message = TIMES[case]
    refused(lambda x, t: make().fit(x, t=t), kind, message, X, times)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.ones((9, 2)), "every state is the same as the first of its trajectory"),
        ([np.ones((9, 2)), np.zeros((4, 2))], "every state is the same as the first of its trajectory"),
        (X * 1e-300, "the frames vary by .*, too much or too little for float64 arithmetic"),
        ([X, X[:, :1]], "trajectory 1 has 1 variables but trajectory 0 has 2"),
    ],
)
def test_frames(make, data, message):
    refused(make().fit, TrajectoryError, message, data)


@pytest.mark.parametrize("method", ["transform", "score"])
def test_frames_of_another_size(fitted, method):
    wide = np.column_stack([X, X[:, 0]])
    for data in (wide, [wide, wide]):
        with pytest.raises(ValueError, match="X has 3 features, but FIMCoarseGrainer is expecting 2 features"):
            getattr(fitted, method)(data)


@pytest.mark.parametrize("method", ["transform", "score"])
def test_frames_that_are_not_finite(fitted, method):
    hole = X.copy()
    hole[4, 1] = np.nan
    refused(getattr(fitted, method), ValueError if method == "transform" else TrajectoryError, "NaN", hole)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((3, 2)), r"has shape \(3, 2\), but .* was fitted on 1 variables: expected \(..., 1\)"),
        (np.full((3, 1), np.nan), r"\[0, 0\] is nan, not finite"),
        ([["a"]], "has type .*: expected real numbers"),
    ],
)
@pytest.mark.parametrize("method", ["inverse_transform", "vector_field", "diffusion", "jacobian"])
def test_codes(fitted, method, codes, message):
    refused(getattr(fitted, method), ValueError, message, codes)


def test_codes_of_no_frame(fitted):
    refused(fitted.inverse_transform, ValueError, r"X has shape \(1,\): expected \(N, 1\)", np.zeros(1))


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "vector_field", "diffusion", "jacobian", "score"])
def test_not_fitted(make, method):
    with pytest.raises(NotFittedError, match="This FIMCoarseGrainer instance is not fitted yet"):
        getattr(make(), method)(X)


class Fold(torch.nn.Module):
    def forward(self, x):
        return x


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"n_components": 0}, ValueError, "n_components must be a positive integer, got 0"),
        ({"n_components": 1.5}, ValueError, "n_components must be a positive integer, got 1.5"),
        ({"n_components": 17}, ValueError, "n_components=17, but the model 'fim-sde' takes at most 16 variables"),
        ({"hidden": (8, -1)}, ValueError, r"hidden\[1\] must be a positive integer, got -1"),
        ({"hidden": 8}, ValueError, "hidden must be a sequence of whole numbers, got 8"),
        ({"activation": "cos"}, ValueError, "activation must be one of elu, gelu, .*, got 'cos'"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be positive and finite, got 0"),
        ({"max_iter": 0}, ValueError, "max_iter must be a positive integer, got 0"),
        ({"context_size": True}, ValueError, "context_size must be a positive integer, got True"),
        ({"n_queries": 2.5}, ValueError, "n_queries must be a positive integer, got 2.5"),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change must be a positive integer, got 0"),
        ({"horizon": -1}, ValueError, "horizon must be finite and at least 0, got -1"),
        ({"isometry": np.nan}, ValueError, "isometry must be finite and at least 0, got nan"),
        ({"tol": "small"}, ValueError, "tol must be finite and at least 0, got 'small'"),
        ({"missing": "skip"}, TrajectoryError, "missing must be 'raise' or 'drop', got 'skip'"),
        ({"random_state": "seed"}, ValueError, "'seed' cannot be used to seed"),
        ({"model": "gpt"}, WeightsError, "no model 'gpt'"),
        ({"encoder": Fold()}, ValueError, "encoder has no parameters to train"),
        ({"encoder": "mlp"}, ValueError, "encoder must be a torch.nn.Module or None, got 'mlp'"),
        ({"encoder": torch.nn.Linear(3, 1)}, ValueError, r"encoder fails on an array of shape \(2, 2\): mat1 and mat2"),
        ({"encoder": torch.nn.Linear(2, 3)}, ValueError, r"encoder maps shape \(2, 2\) to \(2, 3\): expected \(2, 1\)"),
        ({"decoder": torch.nn.Linear(1, 3)}, ValueError, r"decoder maps shape \(2, 1\) to \(2, 3\): expected \(2, 2\)"),
    ],
)
def test_parameters(make, settings, kind, message):
    with pytest.raises(kind, match=message):
        make(**settings).fit(X, t=T)


def test_a_forecaster_is_no_latent_model(make, dummy_folder):
    with pytest.raises(WeightsError, match="is a forecaster, not a model of a vector field"):
        make(model=dummy_folder.parent / "lass-ode-tiny").fit(X, t=T)


def test_a_failed_fit_leaves_the_earlier_one(make):
    grainer = make().fit(X, t=T)
    before = grainer.transform(X)
    with pytest.raises(SkdynError, match="every state is the same as the first of its trajectory"):
        grainer.fit(np.ones((9, 2)))
    np.testing.assert_array_equal(grainer.transform(X), before)


def test_accepted_extremes_are_no_errors(make):
    """What looks wrong but is not: all of these are read, and give finite answers."""
    for data in (X[:2], X * 1e100, X * 1e-100, X + 1e9, [X, X[:2]], np.column_stack([X, np.full(9, 5.0)])):
        grainer = make().fit(data)
        codes = grainer.transform(data)
        for value in (codes, grainer.vector_field(codes), grainer.inverse_transform(codes), grainer.score(data)):
            assert np.isfinite(value).all()

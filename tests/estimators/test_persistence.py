import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from skdyn import FIMCoarseGrainer, FIMODERegressor, LASSODEForecaster, SkdynError, SparseODERegressor, Trajectories
from skdyn.cli.saved import load_estimator
from skdyn.datasets import make_blob_video
from skdyn.exceptions import FileError
from skdyn.files.arrays import pack_arrays, unpack_arrays
from skdyn.files.manifest import seal
from skdyn.files.reading import sha256
from tests.forks import killed_at, needs_fork

T = np.linspace(0, 6, 30)
X = np.column_stack([np.cos(T), -np.sin(T)])
DATA = [(T, X), (T[:20] + 7, 1.5 * X[:20])]


@pytest.fixture(scope="module")
def fitted():
    return SparseODERegressor(max_degree=1).fit(DATA)


@pytest.fixture
def folder(fitted, tmp_path):
    fitted.save(tmp_path / "saved")
    return tmp_path / "saved"


def edit(folder, name="estimator.json", change=lambda values: None, **arrays):
    """Alter a saved folder so that its checksums fit: only what is said is wrong."""
    values = json.loads((folder / name).read_text())
    files, version = values.pop("files"), values.pop("format")
    del values["sha256"]
    change(values)
    part = next(iter(files))
    if arrays:
        content = unpack_arrays((folder / part).read_bytes(), folder / part) | arrays
        (folder / part).write_bytes(pack_arrays(content))
    files[part] = sha256((folder / part).read_bytes())
    (folder / name).write_bytes(seal(values, files, version))


def refusal(folder, cls=SparseODERegressor):
    with pytest.raises(FileError) as caught:
        cls.load(folder)
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_days_that_tell_trajectories_apart_are_saved(tmp_path):
    tables = [
        pd.DataFrame({"day": pd.Timestamp(2020, 1, 1 + k, tz="Europe/Berlin"), "time": t, "x": x[:, 0], "y": x[:, 1]})
        for k, (t, x) in enumerate(DATA)
    ]
    context = Trajectories.from_dataframe(pd.concat(tables), time="time", id="day")
    SparseODERegressor(max_degree=1).fit(context).save(tmp_path)
    loaded = SparseODERegressor.load(tmp_path).context_
    assert loaded.ids == context.ids
    assert repr(loaded.ids[0]) == "Timestamp('2020-01-01 00:00:00+0100', tz='Europe/Berlin')"


def test_an_edit_that_says_nothing_else_is_read(folder, fitted):
    edit(folder)
    np.testing.assert_array_equal(SparseODERegressor.load(folder).predict(X), fitted.predict(X))


STATES = np.concatenate([X, 1.5 * X[:20]])
ARRAYS = {
    "too few lengths": ({"lengths": np.array([30, 7])}, "do not add up to 50 times"),
    "a huge length": ({"lengths": np.array([30, 10**15])}, "do not add up"),
    "a negative length": ({"lengths": np.array([51, -1])}, "do not add up"),
    "a length of one": ({"lengths": np.array([49, 1])}, "do not add up"),
    "no trajectory": ({"lengths": np.zeros(0, dtype=np.int64)}, "do not add up"),
    "lengths that are not whole": ({"lengths": np.array([30.0, 20.0])}, "must hold lengths"),
    "states of one dimension": ({"states": STATES[:, 0]}, "must hold lengths"),
    "states of other length": ({"states": STATES[:-1]}, "do not add up"),
    "no variables": ({"states": STATES[:, :0]}, "damaged"),
    "times that decrease": ({"times": -np.arange(50.0)}, "trajectory 0, row 1: time decreases"),
    "times that are NaN": ({"times": np.full(50, np.nan)}, "not finite"),
    "infinite states": ({"states": np.full((50, 2), np.inf)}, "the state is infinity"),
    "one array more": ({"more": np.zeros(3)}, "must hold lengths"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_are_wrong(folder, case):
    arrays, message = ARRAYS[case]
    edit(folder, **arrays)
    assert message in refusal(folder)


DESCRIPTIONS = {
    "another class": (lambda v: v.update(estimator="FIMODERegressor"), "holds a FIMODERegressor, not a SparseODE"),
    "a package that is none": (lambda v: v.update(package=["skdyn"]), "holds the SparseODERegressor of ['skdyn'], not"),
    "no parameters": (lambda v: v.pop("params"), "KeyError: 'params'"),
    "a parameter too many": (lambda v: v["params"].update(depth=3), "unexpected keyword argument 'depth'"),
    "a parameter of another kind": (lambda v: v["params"].update(max_points="a"), "max_points must be"),
    "a list": (lambda v: v["params"].update(max_degree=[1]), "damaged"),
    "parameters that are none": (lambda v: v.update(params=[1]), "damaged"),
    "too few names": (lambda v: v.update(feature_names=["a"]), "must be 2 different names"),
    "a name twice": (lambda v: v.update(feature_names=["a", "a"]), "must be 2 different names"),
    "names that are text": (lambda v: v.update(feature_names="xy"), "must be a list of names"),
    "names that are numbers": (lambda v: v.update(feature_names=[1, "a"]), "must be a list of names"),
    "too few ids": (lambda v: v.update(ids=[1]), "an identity for each of 2"),
    "an id of no date": (
        lambda v: v.update(ids=[{"kind": "date", "value": "today"}, 1]),
        "ValueError: Invalid isoformat",
    ),
    "ids that are none": (lambda v: v.update(ids=None), "an identity for each of 2"),
    "another axis": (lambda v: v["axis"].update(kind="sundial"), "no time axis of the kind"),
    "times that were told by nobody": (lambda v: v.update(times_told="yes"), "times_told must be true or false"),
    "a table of no library": (lambda v: v.update(library="R"), "library must be that of a table"),
    "a table of no forecaster": (lambda v: v.update(library="pandas"), "library must be that of a table"),
    "no axis": (lambda v: v.update(axis=None), "damaged"),
}


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_descriptions_that_are_wrong(folder, case):
    change, message = DESCRIPTIONS[case]
    edit(folder, change=change)
    assert message in refusal(folder)


def test_a_folder_of_another_format_or_none(folder, tmp_path):
    path = folder / "estimator.json"
    path.write_text(path.read_text().replace('"format": 3', '"format": 9'))
    assert "estimator.json is in format 9, not in format 3" in refusal(folder)
    assert "estimator.json cannot be read" in refusal(tmp_path / "absent")
    path.write_text(json.dumps({"format": 3, "estimator": "SparseODERegressor"}))
    assert "damaged" in refusal(folder)


def test_a_part_of_another_name_is_refused(folder):
    content = (folder / "context.npz").read_bytes()
    (folder / "estimator.json").write_bytes(seal({}, {"../context.npz": sha256(content)}, 3))
    assert "it must list context.npz" in refusal(folder)


def test_a_byte_of_a_description_counts(folder):
    path = folder / "estimator.json"
    path.write_text(path.read_text().replace('"max_degree": 1', '"max_degree": 2'))
    assert "its sha256 is not the one that it names" in refusal(folder)


@pytest.mark.parametrize("value", [object(), float("nan"), {1: 2}, [1, {"a": object()}]])
def test_a_parameter_that_cannot_be_saved_leaves_the_older_copy(folder, fitted, value):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = SparseODERegressor(max_degree=1).fit([(T, 5 * X)]).set_params(max_points=value)
    with pytest.raises(SkdynError, match=r"the parameter max_points.* cannot be saved as JSON"):
        other.save(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    np.testing.assert_array_equal(SparseODERegressor.load(folder).predict(X), fitted.predict(X))


def test_other_parameters_than_those_of_the_fit_are_not_saved(folder, fitted):
    other = SparseODERegressor(max_degree=1).fit([(T, 5 * X)]).set_params(library="1")
    with pytest.raises(
        SkdynError, match=r"parameter library is '1' now, but was None when SparseODERegressor was fitted"
    ):
        other.save(folder)
    np.testing.assert_array_equal(SparseODERegressor.load(folder).predict(X), fitted.predict(X))
    other.set_params(library=None).save(folder)
    loaded = SparseODERegressor.load(folder)
    with pytest.raises(SkdynError, match="parameter max_degree is 2 now, but was 1"):
        loaded.set_params(max_degree=2).save(folder)


@pytest.mark.parametrize(
    ("estimator", "changed", "asked"),
    [
        (FIMODERegressor(), {"device": "cpu"}, X),
        (FIMODERegressor(), {"query_chunk": 7}, X),
        (LASSODEForecaster(), {"n_jobs": 1, "progress": True}, np.linspace(8, 9, 5)),
    ],
)
def test_how_an_estimator_computes_may_change_before_it_is_saved(tmp_path, estimator, changed, asked):
    fitted = clone(estimator).fit(DATA)
    expected = fitted.predict(asked)
    fitted.set_params(**changed).save(tmp_path)
    loaded = type(estimator).load(tmp_path)
    assert changed.items() <= loaded.get_params().items()
    np.testing.assert_allclose(loaded.predict(asked), expected, atol=1e-6)


def test_a_full_disk_is_a_clear_error(folder, fitted, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"saved cannot be saved: No space left on device; .* is as it was"):
        fitted.save(folder)
    monkeypatch.undo()
    np.testing.assert_array_equal(SparseODERegressor.load(folder).predict(X), fitted.predict(X))


def test_other_weights_under_the_name_are_noticed(dummy_folder, tmp_path):
    model = shutil.copytree(dummy_folder, tmp_path / "model", ignore=shutil.ignore_patterns("SHA256SUMS"))
    FIMODERegressor(model, device="cpu").fit(DATA).save(tmp_path / "saved")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"slope_clip": 49.0}))
    assert "was fitted with other weights" in refusal(tmp_path / "saved", FIMODERegressor)
    shutil.rmtree(model)
    assert "cannot be fitted again" in refusal(tmp_path / "saved", FIMODERegressor)


FRAMES = make_blob_video(60, size=4).frames


@pytest.fixture(scope="module")
def grainer():
    video = make_blob_video(120, size=5)
    model = os.path.join(os.path.dirname(os.path.dirname(__file__)), "dummy", "fim-sde-16d")
    params = {"max_iter": 3, "hidden": (4,), "random_state": 0, "device": "cpu"}
    return FIMCoarseGrainer(model=model, **params).fit(video.frames, t=video.t)


def test_layers_may_be_an_array_and_are_those_of_the_training(grainer, tmp_path):
    params = grainer.get_params() | {"hidden": np.array([4]), "max_iter": 1}
    trained = FIMCoarseGrainer(**params).fit(FRAMES)
    trained.save(tmp_path)
    codes = FIMCoarseGrainer.load(tmp_path).transform(FRAMES)
    np.testing.assert_array_equal(codes, trained.transform(FRAMES))
    with pytest.raises(SkdynError, match=r"parameter hidden is \[16\] now, but was array\(\[4\]\)"):
        trained.set_params(hidden=(16,)).save(tmp_path)


_FIRST = "encoder.perceptron.0.weight"
GRAINERS = {
    "a mean that is infinite": ({"frame_mean": np.full(25, np.inf)}, "frame_mean must hold finite numbers"),
    "a mean of other shape": ({"frame_mean": np.zeros((25, 1))}, "frame_mean must hold"),
    "weights that are NaN": ({_FIRST: np.full((4, 25), np.nan)}, f"{_FIRST} must hold finite"),
    "weights of other width": ({_FIRST: np.zeros((10**6, 1))}, f"{_FIRST} must hold"),
    "whole numbers": ({"code_mean": np.zeros(1, dtype=np.int64)}, "code_mean must hold"),
    "a scale of zero": ({"frame_scale": np.array(0.0)}, "must not be zero"),
    "a negative scale": ({"frame_scale": np.array(-1.0)}, "must not be zero"),
    "a code's scale of zero": ({"code_scale": np.array([0.0])}, "must not be zero"),
    "more means": ({"code_mean": np.zeros(5)}, "code_mean must hold"),
    "one array more": ({"more": np.zeros(5)}, "hidden has 1 layers"),
    "a map of codes that falls": (
        {"straight_codes": np.arange(3.0), "straight_lengths": np.array([0.0, 2.0, 1.0])},
        "must rise together",
    ),
    "half of a map of codes": ({"straight_codes": np.arange(3.0)}, "must rise together"),
    "numbers that overflow": ({"decoder.offset": np.full(25, 1e308), "frame_scale": np.array(1e3)}, "overflows"),
}


@pytest.mark.parametrize("case", GRAINERS)
def test_autoencoders_that_are_wrong(grainer, case, tmp_path):
    arrays, message = GRAINERS[case]
    grainer.save(tmp_path)
    edit(tmp_path, "grainer.json", **arrays)
    assert message in refusal(tmp_path, FIMCoarseGrainer)


GRAINER_DESCRIPTIONS = {
    "other layers": (lambda v: v["params"].update(hidden=[999]), "must hold"),
    "more layers": (lambda v: v["params"].update(hidden=[4] * 10**5), "hidden has 100000 layers"),
    "more codes": (lambda v: v["params"].update(n_components=3), "must hold"),
    "an activation that is none": (lambda v: v["params"].update(activation="step"), "activation must be one of"),
    "a curve that is none": (lambda v: v.update(loss_curve=[1.0, "2"]), "loss_curve is not what it should be"),
    "times told by nobody": (lambda v: v.update(times_told=1), "times_told must be true or false"),
    "neither kind of dynamics": (lambda v: v.update(stochastic=1), "stochastic or loss_curve"),
    "the other kind of dynamics": (lambda v: v.update(stochastic=False), "holds a LatentSDERegressor"),
    "too few names": (lambda v: v.update(feature_names=["a"]), "must be 25 different names"),
    "a parameter too many": (lambda v: v["params"].update(depth=3), "unexpected keyword argument 'depth'"),
}


@pytest.mark.parametrize("case", GRAINER_DESCRIPTIONS)
def test_grainers_that_are_wrong(grainer, case, tmp_path):
    change, message = GRAINER_DESCRIPTIONS[case]
    grainer.save(tmp_path)
    edit(tmp_path, "grainer.json", change=change)
    assert message in refusal(tmp_path, FIMCoarseGrainer)


def test_codes_of_another_number_are_refused(grainer, tmp_path):
    grainer.save(tmp_path)
    edit(tmp_path / "dynamics", states=np.zeros((120, 2)) + np.arange(120)[:, None])
    edit_digest(tmp_path)
    assert "different numbers of codes" in refusal(tmp_path, FIMCoarseGrainer)


def test_a_grainer_and_another_estimator_take_the_place_of_each_other(grainer, fitted, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    folder = tmp_path / "saved"
    grainer.save(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(FileError, match="No space left"):
            fitted.save(folder)
    assert type(load_estimator(folder)) is FIMCoarseGrainer
    fitted.save(folder)
    assert type(load_estimator(folder)) is SparseODERegressor
    assert "grainer.json cannot be read" in refusal(folder, FIMCoarseGrainer)
    grainer.save(folder)
    assert type(load_estimator(folder)) is FIMCoarseGrainer
    assert "estimator.json cannot be read" in refusal(folder)
    grainer.dynamics_.save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "estimator.json", folder)
    with pytest.raises(FileError, match="holds two saved estimators, and does not say which is meant"):
        load_estimator(folder)


@pytest.mark.parametrize("place", ["", "nul\0character", "~nobody-of-this-name/x"])
def test_a_folder_that_names_nothing_is_refused_alike(grainer, fitted, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for estimator in (grainer, fitted):
        for use in (estimator.save, type(estimator).load):
            with pytest.raises(FileError, match="the path"):
                use(place)
    assert not list(tmp_path.iterdir())


def test_the_home_folder_is_found(grainer, fitted, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for estimator, name in ((grainer, "grainer"), (fitted, "estimator")):
        estimator.save(f"~/{name}")
        assert (tmp_path / name / f"{name}.json").is_file()
        assert type(estimator).load(f"~/{name}").context_ is not None


def edit_digest(folder):
    """Let the grainer vouch for its dynamics as they are."""
    values = json.loads((folder / "grainer.json").read_text())
    files = {name: sha256((folder / name).read_bytes()) for name in values.pop("files")}
    del values["sha256"]
    (folder / "grainer.json").write_bytes(seal(values, files, values.pop("format")))


@needs_fork
@pytest.mark.slow
def test_a_kill_at_every_step_leaves_a_whole_grainer(grainer, tmp_path):
    codes = grainer.transform(make_blob_video(120, size=5).frames)
    other = FIMCoarseGrainer(**grainer.get_params() | {"hidden": (3, 2), "missing": "drop"})
    video = make_blob_video(120, size=5)
    other.fit(video.frames * 2, t=video.t)
    call = 0
    while True:
        folder = tmp_path / str(call)
        grainer.save(folder)
        killed = killed_at(call, lambda folder=folder: other.save(folder))
        loaded = FIMCoarseGrainer.load(folder)
        old = loaded.missing == "raise"
        expected = codes if old else other.transform(video.frames)
        np.testing.assert_allclose(loaded.transform(video.frames), expected, rtol=1e-9)
        np.testing.assert_allclose(loaded.context_.states[0], (grainer if old else other).context_.states[0])
        if not killed:
            break
        call += 1
    assert call > 10
    assert not old

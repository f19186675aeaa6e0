import copy
import hashlib
import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.base import clone

from skdyn import FIMODERegressor, WeightsError
from skdyn.models.adapters import CONFIG, MAX_BYTES, TENSORS, load_adapter, save_adapter
from skdyn.models.weights import load_model
from skdyn.nn.lora import add_low_rank, attention_projections, initialise, load_low_rank_state, low_rank_state

RANK, ALPHA = 2, 4.0
POINTS = np.random.default_rng(0).normal(size=(20, 2))


def write(folder, base, seed, size=0.3, rank=RANK):
    """An adapter with random factors; with ``size`` 0 one that changes nothing."""
    generator = torch.Generator().manual_seed(seed)
    adapted = add_low_rank(base.network, attention_projections(base.network), rank, ALPHA)
    initialise(adapted, generator)
    state = {name: t + size * torch.randn(t.shape, generator=generator) for name, t in low_rank_state(adapted).items()}
    load_low_rank_state(adapted, state)
    save_adapter(folder, base, rank, ALPHA, state, {"steps": 3})
    return adapted


@pytest.fixture(scope="module")
def base(dummy_folder):
    return load_model(dummy_folder)


@pytest.fixture(scope="module")
def written(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters") / "one"
    return folder, write(folder, base, 1)


@pytest.fixture
def folder(written, tmp_path):
    """A copy of an adapter, to be damaged."""
    return shutil.copytree(written[0], tmp_path / "adapter")


def field(dummy_folder, orbits, **params):
    estimator = FIMODERegressor(model=dummy_folder, device="cpu", **params).fit(orbits)
    return estimator, estimator.predict(POINTS)


def test_what_is_written(written, base):
    folder, adapted = written
    description = json.loads((folder / CONFIG).read_text())
    assert description["base"] == {"model": "fim-ode", "sha256": base.sha256}
    assert (description["rank"], description["alpha"]) == (RANK, ALPHA)
    assert tuple(description["targets"]) == attention_projections(base.network)
    assert description["training"] == {"steps": 3}
    stored = load_file(folder / TENSORS)
    state = low_rank_state(adapted)
    assert set(stored) == set(state)
    assert all(torch.equal(stored[name], state[name]) for name in state)
    assert sorted(path.name for path in folder.iterdir()) == [CONFIG, TENSORS]


def test_the_estimator_uses_the_adapter(written, dummy_folder, orbits, base):
    before = {name: value.clone() for name, value in base.network.state_dict().items()}
    plain, without = field(dummy_folder, orbits)
    estimator, with_adapter = field(dummy_folder, orbits, adapter=written[0])
    assert not np.allclose(without, with_adapter)
    assert estimator.weights_["sha256"] != plain.weights_["sha256"] == base.sha256
    assert str(written[0]) in estimator.weights_["source"]
    assert all(torch.equal(value, before[name]) for name, value in base.network.state_dict().items())
    np.testing.assert_array_equal(field(dummy_folder, orbits)[1], without)


def test_zero_update_changes_no_bit(base, tmp_path, dummy_folder, orbits):
    write(tmp_path, base, 3, size=0.0)
    np.testing.assert_array_equal(field(dummy_folder, orbits, adapter=tmp_path)[1], field(dummy_folder, orbits)[1])


def test_merged_on_loading_equals_unmerged(written, base):
    folder, adapted = written
    merged, adapted = (copy.deepcopy(network).double() for network in (load_adapter(folder, base).network, adapted))
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(1, 2, 9, 16, generator=generator, dtype=torch.float64)
    times = torch.arange(9.0, dtype=torch.float64).expand(1, 2, 9)
    queries = torch.randn(1, 5, 16, generator=generator, dtype=torch.float64)
    results = [
        network.decode(network.encode(states, times, torch.ones(1, 2, 9, dtype=bool), torch.ones(1, 16)), queries)[0]
        for network in (merged, adapted)
    ]
    assert (results[0] - results[1]).abs().max() < 1e-6


def test_several_adapters_live_side_by_side(written, base, tmp_path, dummy_folder, orbits):
    write(tmp_path / "two", base, 2)
    folders = [None, written[0], tmp_path / "two"]
    estimators = [FIMODERegressor(model=dummy_folder, device="cpu", adapter=one).fit(orbits) for one in folders]
    first = [estimator.predict(POINTS) for estimator in estimators]
    again = [estimator.predict(POINTS) for estimator in reversed(estimators)][::-1]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.allclose(first[1], first[2])
    assert len({estimator.weights_["sha256"] for estimator in estimators}) == 3
    # The Jacobian runs on a copy in double precision, which must be the adapter's own.
    jacobians = [estimator.jacobian(POINTS) for estimator in estimators]
    assert not np.allclose(jacobians[0], jacobians[1])
    assert not np.allclose(jacobians[1], jacobians[2])


def test_equal_adapters_are_one_network(written, folder, base):
    one, two = load_adapter(written[0], base), load_adapter(str(folder), base)
    assert one.network is two.network
    assert one.sha256 == two.sha256
    assert str(folder) in two.source
    assert str(folder) not in one.source


def test_saving_and_pickling_keep_the_adapter(written, dummy_folder, orbits, tmp_path):
    estimator, before = field(dummy_folder, orbits, adapter=written[0])
    estimator.save(tmp_path / "saved")
    np.testing.assert_array_equal(FIMODERegressor.load(tmp_path / "saved").predict(POINTS), before)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(estimator)).predict(POINTS), before)


def test_a_changed_adapter_is_noticed(folder, base, dummy_folder, orbits):
    estimator, before = field(dummy_folder, orbits, adapter=folder)
    pickled = pickle.dumps(estimator)
    write(folder, base, 9)
    with pytest.raises(WeightsError, match="fit again"):
        pickle.loads(pickled).predict(POINTS)
    assert not np.allclose(field(dummy_folder, orbits, adapter=folder)[1], before)


def refusal(folder, base):
    with pytest.raises(WeightsError) as caught:
        load_adapter(folder, base)
    return str(caught.value)


def test_another_base_is_a_clear_error(written, base):
    message = refusal(written[0], load_model("fim-ode"))
    assert "was trained on other weights" in message
    assert base.sha256[:16] in message
    assert load_model("fim-ode").sha256[:16] in message
    with pytest.raises(WeightsError, match="was trained on other weights"):
        FIMODERegressor(adapter=written[0], device="cpu").fit(np.random.default_rng(0).normal(size=(9, 2)))


@pytest.mark.parametrize("name", [CONFIG, TENSORS])
def test_missing_files(folder, base, name):
    (folder / name).unlink()
    assert f"has no file {name}" in refusal(folder, base)


@pytest.mark.parametrize("given", ["", 3, "nowhere/at all", "~no-such-user-here/adapter", "a" * 5000, "nul\0character"])
def test_folders_that_are_none(base, given):
    assert "adapter" in refusal(given, base)


def test_the_home_folder_is_found(base, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write("~/adapter", base, 1)
    assert (tmp_path / "adapter" / CONFIG).is_file()
    assert load_adapter("~/adapter", base).sha256 == load_adapter(tmp_path / "adapter", base).sha256


def edit(folder, **changes):
    values = json.loads((folder / CONFIG).read_text()) | changes
    (folder / CONFIG).write_text(json.dumps({key: value for key, value in values.items() if value is not ...}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"adapter_type": "ia3"}, "adapter_type must be 'lora', got 'ia3'"),
        ({"adapter_type": ...}, "is not an adapter"),
        ({"format_version": 2}, "format_version must be 1, got 2"),
        ({"format_version": True}, "format_version must be 1, got True"),
        ({"rank": ...}, "missing key 'rank'"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"base": "fim-ode"}, "base must have a model's name and its sha256"),
        ({"base": {"model": "fim-ode", "sha256": "../x"}}, "base must have a model's name and its sha256"),
        ({"rank": 0}, "rank must be an integer between 1 and 4096, got 0"),
        ({"rank": 2.0}, "rank must be an integer"),
        ({"rank": True}, "rank must be an integer"),
        ({"rank": 3}, "has shape"),
        ({"rank": 4000}, "does not fit 'fim-ode': rank 4000 does not fit"),
        ({"alpha": 0}, "alpha must be a positive number"),
        ({"alpha": "4"}, "alpha must be a positive number"),
        ({"alpha": 1e300}, "alpha must be a positive number"),
        ({"targets": []}, "targets must be a list of 1 to 4096 names"),
        ({"targets": "head"}, "targets must be a list"),
        ({"targets": ["head", 3]}, "targets must be a list"),
        ({"targets": ["no.such.layer"]}, "the target 'no.such.layer' is not a linear layer"),
        ({"targets": ["gate"]}, "unexpected tensor"),
        ({"training": None}, "training must be an object"),
        ({"tensors_sha256": "0" * 64}, f"{TENSORS} is damaged or altered"),
        ({"tensors_sha256": None}, f"{TENSORS} is damaged or altered"),
    ],
)
def test_descriptions_that_are_wrong(folder, base, changes, message):
    edit(folder, **changes)
    refused = refusal(folder, base)
    assert message in refused
    assert str(folder) in refused


def rewrite(folder, change):
    """Alter the tensors and make the description agree, so that only the content is wrong."""
    tensors = load_file(folder / TENSORS)
    change(tensors)
    save_file(tensors, folder / TENSORS)
    edit(folder, tensors_sha256=hashlib.sha256((folder / TENSORS).read_bytes()).hexdigest())


FACTOR = "encoder.0.attention.query.up"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop(FACTOR), f"the first is '{FACTOR}'"),
        (lambda t: t.update({"more": torch.zeros(2)}), "unexpected tensor 'more' for an adapter of fim-ode"),
        (lambda t: t.update({FACTOR: torch.zeros(2, 16)}), f"tensor '{FACTOR}' has shape (2, 16)"),
        (lambda t: t.update({FACTOR: torch.zeros(16, 2, dtype=torch.int32)}), f"tensor '{FACTOR}' has type 'I32'"),
        (lambda t: t[FACTOR].fill_(float("nan")), f"tensor '{FACTOR}' holds NaN or infinite values"),
        (lambda t: [v.fill_(3e38) for v in t.values()], "the merged weights overflow float32"),
    ],
)
def test_tensors_that_are_wrong(folder, base, change, message):
    rewrite(folder, change)
    assert message in refusal(folder, base)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"<!DOCTYPE html><html></html>", "is an HTML page"),
        (b"\0" * (MAX_BYTES + 1), "more than the limit of 2000000"),
        (b"short", "is damaged or altered"),
    ],
)
def test_files_that_are_something_else(folder, base, content, message):
    (folder / TENSORS).write_bytes(content)
    assert message in refusal(folder, base)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"rank": 1, "rank": 2}', b'{"rank": NaN}', b"\xff\xfe"])
def test_descriptions_that_are_no_json_object(folder, base, content):
    (folder / CONFIG).write_bytes(content)
    assert CONFIG in refusal(folder, base)


def test_what_is_refused_to_be_written(base, tmp_path):
    state = {"head.down": torch.zeros(2, 300_000), "head.up": torch.zeros(3, 2)}
    with pytest.raises(ValueError, match="choose a smaller rank than 2"):
        save_adapter(tmp_path / "big", base, 2, 1.0, state, {})
    state = {"head.down": torch.full((2, 3), torch.inf), "head.up": torch.zeros(3, 2)}
    with pytest.raises(ValueError, match="NaN or infinite values"):
        save_adapter(tmp_path / "bad", base, 2, 1.0, state, {})
    with pytest.raises(ValueError, match="its training has diverged"):
        save_adapter(tmp_path / "bad", base, 2, 1.0, state, {"loss": float("nan")})
    with pytest.raises(ValueError, match="JSON compliant"):
        save_adapter(tmp_path / "nan", base, 2, 1.0, {}, {"loss": float("nan")})
    assert not any((tmp_path / name).exists() for name in ("big", "bad"))


def test_a_clone_keeps_the_parameter_as_given(tmp_path):
    estimator = FIMODERegressor(adapter=tmp_path)
    assert clone(estimator).adapter is not None
    assert estimator.get_params()["adapter"] == tmp_path
    assert FIMODERegressor().adapter is None


def test_a_description_that_is_valid_but_not_its_own_is_refused(folder, base):
    edit(folder, alpha=2 * ALPHA)
    message = refusal(folder, base)
    assert f"{CONFIG} is damaged or altered" in message
    rewrite(folder, lambda tensors: None)  # factors that say nothing of a description, as other tools write them
    assert load_adapter(folder, base).sha256 != base.sha256

"""Whose a saved folder is: the class of one package, and the weights and the adapter that it was fitted with."""

import json

import numpy as np
import pytest
import torch

from skdyn import FIMODERegressor, SparseODERegressor
from skdyn.exceptions import FileError
from skdyn.files.manifest import seal, unseal
from skdyn.models.adapters import save_adapter
from skdyn.models.weights import load_model
from skdyn.nn.lora import add_low_rank, attention_projections, initialise, low_rank_state

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


def refusal(cls, folder):
    with pytest.raises(FileError) as caught:
        cls.load(folder)
    return str(caught.value)


def test_another_adapter_is_called_so(dummy_folder, tmp_path):
    base = load_model(dummy_folder)
    adapted = add_low_rank(base.network, attention_projections(base.network), 2, 4.0)
    initialise(adapted, torch.Generator().manual_seed(0))
    state = low_rank_state(adapted)
    adapter, saved = tmp_path / "adapter", tmp_path / "saved"
    save_adapter(adapter, base, 2, 4.0, state, {"steps": 3})
    FIMODERegressor(dummy_folder, adapter=adapter, device="cpu").fit(DATA).save(saved)
    save_adapter(adapter, base, 2, 4.0, {name: tensor + 0.1 for name, tensor in state.items()}, {"steps": 3})
    message = refusal(FIMODERegressor, saved)
    assert f"was fitted with another adapter than the one that {str(adapter)!r} holds now" in message
    assert "fit again" in message


def elsewhere(package, name="SparseODERegressor"):
    """A class of the same name in another package."""
    return type(name, (SparseODERegressor,), {"__module__": package})


def test_classes_of_one_name_in_two_packages_are_told_apart(folder, tmp_path):
    assert json.loads((folder / "estimator.json").read_text())["package"] == "skdyn"
    other = elsewhere("others.estimators")
    message = "holds the SparseODERegressor of skdyn, not that of"
    assert f"{message} others: load it by the class that saved it" in refusal(other, folder)
    assert f"{message} a script" in refusal(elsewhere("__main__"), folder)
    other(max_degree=1).fit(DATA).save(tmp_path / "others")
    assert type(other.load(tmp_path / "others")) is other
    assert type(elsewhere("others.moved").load(tmp_path / "others")).__module__ == "others.moved"
    assert "holds the SparseODERegressor of others, not that of skdyn" in refusal(
        SparseODERegressor, tmp_path / "others"
    )


def test_folders_that_name_no_package_are_read(folder, fitted, tmp_path):
    """Those of earlier versions, and of scripts, whose classes may have moved to a module since."""
    content = (folder / "estimator.json").read_bytes()
    values, files = unseal(content, folder / "estimator.json", 3)
    del values["package"]
    (folder / "estimator.json").write_bytes(seal(values, files, 3))
    np.testing.assert_array_equal(elsewhere("others").load(folder).predict(X), fitted.predict(X))
    elsewhere("__main__")(max_degree=1).fit(DATA).save(tmp_path / "script")
    np.testing.assert_array_equal(elsewhere("train").load(tmp_path / "script").predict(X), fitted.predict(X))

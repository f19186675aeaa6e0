"""What is registered under a name answers under that name, and nothing is registered without one."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from skdyn import FIMODERegressor, PluginError, WeightsError, list_estimators, list_models
from skdyn.estimators import registry as estimators
from skdyn.models import registry as models
from skdyn.models.adapters import load_adapter, save_adapter
from skdyn.models.weights import load_model
from skdyn.nn.lora import add_low_rank, low_rank_state
from skdyn.plugins import get_estimator, get_model, register_estimator, register_model

MOVING = np.array([[0.0], [1.0], [3.0]])


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    for catalogue in (models.CATALOGUE, estimators.CATALOGUE):
        monkeypatch.setattr(catalogue, "_registered", {})


@pytest.fixture
def register(dummy_folder):
    """Register the tiny model of ODEs under another name, with some parts replaced."""

    def make(name, **parts):
        register_model(dataclasses.replace(get_model("fim-ode"), name=name, location=dummy_folder, **parts))

    return make


def test_a_name_is_read_by_its_own_specification(register, dummy_folder):
    asked = []

    def network(config):
        asked.append(config)
        return get_model("fim-ode").network(config)

    register("tc-named", network=network)
    assert load_model("tc-named").spec is get_model("tc-named")
    assert len(asked) == 1
    assert load_model("tc-named") is load_model("tc-named")
    assert load_model(dummy_folder).spec is get_model("fim-ode")
    assert FIMODERegressor("tc-named", device="cpu").fit(MOVING).weights_["name"] == "tc-named"


def test_two_names_of_one_folder_stay_apart(register):
    for name in ("tc-one", "tc-two"):
        register(name)
    assert [load_model(name).spec.name for name in ("tc-one", "tc-two", "tc-one")] == ["tc-one", "tc-two", "tc-one"]
    assert load_model("tc-one").sha256 == load_model("tc-two").sha256


def test_an_adapter_is_of_the_model_by_whose_name_it_is_asked_for(register, tmp_path):
    for name in ("tc-one", "tc-two"):
        register(name)
    base = load_model("tc-one")
    target = next(name for name, part in base.network.named_modules() if type(part).__name__ == "Linear")
    save_adapter(tmp_path, base, 1, 1.0, low_rank_state(add_low_rank(base.network, [target], 1, 1.0)), {})
    assert [load_adapter(tmp_path, load_model(name)).spec.name for name in ("tc-one", "tc-two")] == ["tc-one", "tc-two"]


def test_a_specification_that_does_not_know_its_folder_is_told_who_does(register, dummy_folder):
    register("tc-stranger", recognises=lambda config: False)
    with pytest.raises(WeightsError) as caught:
        load_model("tc-stranger")
    for words in ("'tc-stranger'", str(dummy_folder / "config.json"), "'fim-ode' does", f"model={str(dummy_folder)!r}"):
        assert words in str(caught.value)


def test_a_folder_that_nobody_knows(dummy_folder, tmp_path):
    shutil.copytree(dummy_folder, tmp_path / "own", ignore=shutil.ignore_patterns("SHA256SUMS"))
    config = tmp_path / "own" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "nobody's"}))
    register_model(dataclasses.replace(get_model("fim-ode"), name="tc-own", location=tmp_path / "own"))
    with pytest.raises(WeightsError, match=r"config\.json, asked for as 'tc-own': unknown model_type \"nobody's\""):
        load_model("tc-own")


@pytest.mark.parametrize("name", [3, None, "", b"tc-own", ("tc-own",)])
def test_a_name_that_is_no_text_is_refused_before_it_is_kept(name):
    with pytest.raises(PluginError, match=r"register_estimator was given the name .*: give a str that is not empty"):
        register_estimator(name, get_estimator("fim-ode"))
    with pytest.raises(PluginError, match=r"register_model was given the name .*: give a str that is not empty"):
        register_model(dataclasses.replace(get_model("fim-ode"), name=name))
    assert "fim-ode" in list_models()
    assert "fim-ode" in list_estimators()
    register_estimator("tc-own", get_estimator("fim-ode"))

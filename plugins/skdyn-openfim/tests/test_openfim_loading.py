import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from skdyn_openfim import FIM_ODE

import skdyn
from skdyn.exceptions import WeightsError
from skdyn.models.registry import get_model, recognise_model
from skdyn.models.weights import load_model


def test_it_is_found_by_its_entry_point():
    assert [entry.value for entry in entry_points(group="skdyn.models", name="openfim/fim-ode")] == [
        "skdyn_openfim:FIM_ODE"
    ]
    assert "openfim/fim-ode" in skdyn.list_models()
    assert get_model("openfim/fim-ode") is FIM_ODE


def test_importing_it_does_not_load_torch():
    code = "import sys, skdyn_openfim; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_published_model_is_asked_from_the_hub(monkeypatch, tmp_path):
    monkeypatch.setenv("SKDYN_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="hf://FIM4Science/fim-ode/base_model/checkpoints/best-model@main"):
        load_model("openfim/fim-ode")


def test_a_folder_in_their_format_is_recognised(checkpoint):
    loaded = load_model(checkpoint())
    assert loaded.spec is FIM_ODE
    assert loaded.config.max_dim == 3


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"model_type": "fim-ode"},
        {"model_type": "fimsde", "max_dimension": 3, "model_embedding_size": 256},
        {"model_config": None},
        {"model_config": {"dim_embed": 256}},
    ],
)
def test_other_configurations_are_left_to_others(config):
    assert not FIM_ODE.recognises(config)


def test_the_built_in_model_is_still_recognised_first():
    assert recognise_model({"model_type": "fim-ode"}).name == "fim-ode"


def test_an_absurd_size_is_refused_with_the_file_and_the_key(checkpoint):
    with pytest.raises(WeightsError, match=r"config\.json is not a configuration of openfim/fim-ode: dim_embed"):
        load_model(checkpoint(dim_embed=2**40))


def test_a_size_that_the_tensors_do_not_have(checkpoint):
    with pytest.raises(WeightsError, match="the configuration says"):
        load_model(checkpoint(dim_embed=4096, num_heads=64, dim_feedforward=16384))


def test_tensors_that_are_missing(checkpoint):
    with pytest.raises(WeightsError, match=r"missing, the first is 'tokens\.step\.weight'"):
        load_model(checkpoint(rename=lambda name: None if name.endswith("delta_t_proj.weight") else name))


@pytest.mark.parametrize("wrong", ["functional_decoder.res_layers.0.attn.linear_X.weight", "optimizer.step"])
def test_tensors_that_do_not_belong(checkpoint, wrong):
    with pytest.raises(WeightsError, match=f"unexpected tensor '{wrong}'"):
        load_model(checkpoint(rename=lambda name: wrong if name == "location_proj.0.weight" else name))


def test_biases_must_be_as_configured(checkpoint):
    with pytest.raises(WeightsError, match="unexpected tensor"):
        load_model(checkpoint(use_bias_in_attention=False))
    with pytest.raises(WeightsError, match="are missing"):
        load_model(checkpoint("linear-no-attention-bias", use_bias_in_attention=True))


def test_a_file_without_the_uncertainty_head(checkpoint):
    without = checkpoint(
        rename=lambda name: None if name.startswith("u_model.") else name, num_res_layer_u_model=0, dim_ffn_u_model=None
    )
    assert load_model(without).network.uncertainty is None

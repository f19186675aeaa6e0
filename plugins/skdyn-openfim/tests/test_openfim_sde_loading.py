from importlib.metadata import entry_points

import pytest
from skdyn_openfim import FIM_ODE, FIM_SDE

import skdyn
from skdyn.exceptions import WeightsError
from skdyn.models.registry import get_model, recognise_model
from skdyn.models.weights import load_model


def test_it_is_found_by_its_entry_point():
    assert [entry.value for entry in entry_points(group="skdyn.models", name="openfim/fim-sde")] == [
        "skdyn_openfim:FIM_SDE"
    ]
    assert "openfim/fim-sde" in skdyn.list_models()
    assert get_model("openfim/fim-sde") is FIM_SDE


def test_the_published_model_is_asked_from_the_hub(monkeypatch, tmp_path):
    monkeypatch.setenv("SKDYN_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="hf://FIM4Science/fim-sde@main"):
        load_model("openfim/fim-sde")


def test_a_folder_in_their_format_is_recognised(sde_checkpoint):
    loaded = load_model(sde_checkpoint())
    assert loaded.spec is FIM_SDE
    assert loaded.config.max_dim == 3


def test_the_two_kinds_of_checkpoint_are_told_apart(checkpoint):
    assert load_model(checkpoint()).spec is FIM_ODE
    assert not FIM_SDE.recognises({"model_type": "fim-sde", "max_dim": 16})
    assert not FIM_SDE.recognises({"model_type": "fimsde", "max_dimension": 3, "model_embedding_size": 256})


def test_the_built_in_model_is_still_recognised_first():
    assert recognise_model({"model_type": "fim-ode"}).name == "fim-ode"


def test_an_absurd_size_is_refused_with_the_file_and_the_key(sde_checkpoint):
    with pytest.raises(WeightsError, match=r"config\.json is not a configuration of openfim/fim-sde: model_embedding"):
        load_model(sde_checkpoint(model_embedding_size=2**40))


def test_a_size_that_the_tensors_do_not_have(sde_checkpoint):
    with pytest.raises(WeightsError, match="the configuration says"):
        load_model(sde_checkpoint(model_embedding_size=4096))


def test_tensors_that_are_missing(sde_checkpoint):
    def without(name):
        return None if name == "phi_1x.weight" else name

    with pytest.raises(WeightsError, match=r"missing, the first is 'embed_query\.weight'"):
        load_model(sde_checkpoint(rename=without))


@pytest.mark.parametrize("wrong", ["operator_drift.res_layers.0.attn.linear_X.weight", "optimizer.step", "phi_2.bias"])
def test_tensors_that_do_not_belong(sde_checkpoint, wrong):
    with pytest.raises(WeightsError, match=f"unexpected tensor '{wrong}'"):
        load_model(sde_checkpoint(rename=lambda name: wrong if name == "phi_1x.weight" else name))


def test_the_loss_scale_head_must_be_as_configured(sde_checkpoint):
    with pytest.raises(WeightsError, match="unexpected tensor 'operator_loss_scale"):
        load_model(sde_checkpoint(learnable_loss_scales=None))


def test_the_projection_that_is_not_used_may_be_missing(sde_checkpoint):
    def without(name):
        return None if name.startswith("phi_0.") else name

    assert load_model(sde_checkpoint(rename=without)).config.max_dim == 3


def test_an_older_file_with_one_copy_of_the_loss_scale_head_only(sde_checkpoint):
    def only_the_second(name):
        return name.replace("operator_loss_scale.", "operator_loss_scale_diffusion.")

    with pytest.raises(WeightsError, match="missing, the first is 'loss_scale"):
        load_model(sde_checkpoint(rename=only_the_second))

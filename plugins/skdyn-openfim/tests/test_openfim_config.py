import json
from pathlib import Path

import pytest
import torch
from skdyn_openfim import FIMODEConfig
from skdyn_openfim.ode_network import FIMODE

PUBLISHED = {
    "model_config": {
        "attention_map": "softmax",
        "attention_method": "linear",
        "dim_embed": 256,
        "dim_feedforward": 1024,
        "dim_ffn_u_model": 1024,
        "dim_hidden_u_model": 256,
        "dim_max_trajectory": 3,
        "dropout": 0.1,
        "num_context_encoder_layers": 2,
        "num_heads": 8,
        "num_res_layer_u_model": 6,
        "num_res_layers_functional_decoder": 8,
        "use_bias_for_projection": True,
        "use_bias_in_attention": True,
        "use_query_residual_in_attention": True,
    },
    "train_config": {
        "corruption_model_type": "odeformer",
        "loss_filter_nans": True,
        "loss_type": "l1",
        "max_sigma_trajectory_noise": 0.06,
        "max_subsampling_ration": 0.5,
        "train_type": "vector_field",
        "train_with_normalized_head": True,
    },
}


def changed(train=None, **model):
    return {
        "model_config": PUBLISHED["model_config"] | model,
        "train_config": PUBLISHED["train_config"] | (train or {}),
    }


def parameters(config):
    with torch.device("meta"):
        network = FIMODE(FIMODEConfig.from_dict(config))
    return sum(parameter.numel() for parameter in network.parameters()), len(network.state_dict())


def switches(config):
    return config.encoder.bias, config.projection_bias, config.encoder.query_residual


def test_the_published_size():
    assert parameters(PUBLISHED) == (12_968_068, 280)


def test_the_published_size_without_the_uncertainty_head():
    assert parameters(changed(num_res_layer_u_model=0))[0] == 8_097_667
    assert parameters(changed(num_res_layer_u_model=None, dim_hidden_u_model=None))[0] == 8_097_667


@pytest.mark.parametrize(
    ("feature_map", "attention"),
    [
        ("softmax", "gnot"),
        ("softmax-gnot", "gnot"),
        ("softmax-efficient", "efficient"),
        ("softmax-legacy", "legacy"),
        ("elu", "elu"),
    ],
)
def test_names_of_attention(feature_map, attention):
    assert FIMODEConfig.from_dict(changed(attention_map=feature_map)).encoder.attention == attention


def test_multihead_needs_no_feature_map():
    config = FIMODEConfig.from_dict(changed(attention_method="nn_multihead", attention_map=None))
    assert config.encoder.attention == "multihead"


def test_switches_are_on_where_absent_and_off_where_null():
    model = {key: value for key, value in PUBLISHED["model_config"].items() if not key.startswith("use_")}
    config = FIMODEConfig.from_dict({"model_config": model})
    assert switches(config) == (True, True, True)
    config = FIMODEConfig.from_dict(changed(use_bias_in_attention=None, use_query_residual_in_attention=None))
    assert switches(config) == (False, True, False)


def test_keys_of_other_versions_are_ignored():
    config = changed(train={"an_option": None}, another_option={"deep": [1]}, dropout="none") | {
        "torch_dtype": "float32"
    }
    assert FIMODEConfig.from_dict(config) == FIMODEConfig.from_dict(PUBLISHED)


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        ({}, "l1"),
        ({"loss_type": "mse"}, "mse"),
        ({"loss_type": "cos_sim"}, "unknown"),
        ({"use_uncertainty_weighting": False}, "unknown"),
        ({"train_with_normalized_head": False}, "unknown"),
        ({"train_type": "trajectory_reconstruction", "loss_type": "mse"}, "l1"),
    ],
)
def test_what_the_uncertainty_head_was_trained_on(train, expected):
    assert FIMODEConfig.from_dict(changed(train=train)).uncertainty_loss == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dim_embed", 10**9),
        ("dim_embed", -4),
        ("dim_embed", 256.0),
        ("dim_embed", True),
        ("dim_embed", 258),
        ("num_heads", 3),
        ("num_heads", 0),
        ("num_context_encoder_layers", 10**6),
        ("num_context_encoder_layers", 0),
        ("num_res_layers_functional_decoder", 65),
        ("num_res_layer_u_model", -1),
        ("num_res_layer_u_model", False),
        ("dim_feedforward", 10**12),
        ("dim_ffn_u_model", 10**12),
        ("dim_hidden_u_model", 10**12),
        ("dim_max_trajectory", 1000),
        ("dim_max_trajectory", "3"),
        ("attention_map", None),
        ("attention_map", "cosine"),
        ("attention_map", ["softmax"]),
        ("attention_method", "flash"),
        ("use_bias_in_attention", "yes"),
        ("use_bias_for_projection", 1),
        ("use_query_residual_in_attention", []),
        ("times_norm_on_deltas", False),
    ],
)
def test_a_wrong_value_is_named(key, value):
    with pytest.raises(ValueError, match=key):
        FIMODEConfig.from_dict(changed(**{key: value}))


@pytest.mark.parametrize("key", ["dim_max_trajectory", "dim_embed", "num_heads", "dim_feedforward", "attention_method"])
def test_a_missing_key_is_named(key):
    config = changed()
    del config["model_config"][key]
    with pytest.raises(ValueError, match=key):
        FIMODEConfig.from_dict(config)


@pytest.mark.parametrize("section", [None, [], "softmax"])
def test_a_section_that_is_no_object(section):
    with pytest.raises(ValueError, match="model_config must be an object"):
        FIMODEConfig.from_dict({"model_config": section})


def test_a_train_config_that_is_no_object():
    with pytest.raises(ValueError, match="train_config must be an object"):
        FIMODEConfig.from_dict(PUBLISHED | {"train_config": [1]})
    assert FIMODEConfig.from_dict(PUBLISHED | {"train_config": None}) == FIMODEConfig.from_dict(PUBLISHED)


def test_the_golden_configurations_are_in_their_format():
    golden = (Path(__file__).parent / "golden").glob("*/config.json")
    folders = sorted(path.parent for path in golden if not path.parent.name.startswith("sde"))
    assert len(folders) == 5
    for folder in folders:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        assert config["model_config"].keys() == PUBLISHED["model_config"].keys()

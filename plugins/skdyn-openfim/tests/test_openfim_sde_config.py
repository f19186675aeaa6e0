import json
from pathlib import Path

import pytest
import torch
from skdyn_openfim import FIMSDEConfig
from skdyn_openfim.sde_network import FIMSDE

GELU = "torch.nn.GELU"
LINEAR = {"name": "torch.nn.Linear"}


def operator(**changes):
    return {
        "paths_block_attention": False,
        "num_res_layers": 8,
        "attention": {"nhead": 8, "dim_feedforward": 1024, "dropout": 0.1, "activation": GELU},
        "projection": {
            "name": "fim.models.blocks.base.MLP",
            "hidden_layers": [256, 256],
            "hidden_act": {"name": GELU},
            "dropout": 0.1,
        },
    } | changes


LAYER = operator()["attention"] | {"attn_method": "linear", "lin_feature_map": "softmax", "lin_normalize": False}
PUBLISHED = {
    "architectures": ["FIMSDE"],
    "model_type": "fimsde",
    "name": "FIMSDE",
    "dtype": "float32",
    "max_dimension": 3,
    "model_embedding_size": 256,
    "num_locations_on_path": 32,
    "phi_0t": LINEAR,
    "phi_0x": LINEAR,
    "phi_1x": LINEAR,
    "psi_1": {"name": "CombinedPathTransformer", "num_layers": 2, "layer": LAYER},
    "operator": operator(),
    "learnable_loss_scales": operator(),
    "states_norm": {"name": "fim.models.sde.Standardization"},
    "times_norm": {"name": "fim.models.sde.DeltaLogCentering"},
}


def read(**changes):
    return FIMSDEConfig.from_dict(PUBLISHED | changes)


def with_layer(**changes):
    return read(psi_1=PUBLISHED["psi_1"] | {"layer": LAYER | changes})


def size(config):
    with torch.device("meta"):
        network = FIMSDE(config)
    return sum(parameter.numel() for parameter in network.parameters()), len(network.state_dict())


def test_the_published_size_less_the_projection_that_is_not_used():
    assert size(read()) == (20_965_255 - 33_024, 350 - 2)


def test_the_published_size_without_the_loss_scale_head():
    assert size(read(learnable_loss_scales=None))[0] == 14_515_334 - 33_024
    absent = {key: value for key, value in PUBLISHED.items() if key != "learnable_loss_scales"}
    assert FIMSDEConfig.from_dict(absent) == read(learnable_loss_scales=None)


@pytest.mark.parametrize(
    ("feature_map", "attention"),
    [("softmax", "legacy"), ("softmax-gnot", "gnot"), ("softmax-efficient", "efficient"), ("elu", "elu")],
)
def test_names_of_attention(feature_map, attention):
    assert with_layer(lin_feature_map=feature_map).encoder.attention == attention


def test_attention_is_ordinary_where_no_method_is_named():
    layer = {key: value for key, value in LAYER.items() if key != "attn_method"}
    assert read(psi_1={"num_layers": 1, "layer": layer}).encoder.attention == "multihead"
    assert read().operator.block.attention == "multihead"


def test_the_feature_map_is_elu_where_none_is_named():
    layer = {key: value for key, value in LAYER.items() if key != "lin_feature_map"}
    assert read(psi_1={"num_layers": 1, "layer": layer}).encoder.attention == "elu"


def test_switches_are_on_where_absent_and_off_where_false():
    assert (read().encoder.bias, read().encoder.query_residual, read().end_tokens) == (True, True, True)
    layer = with_layer(bias=False, query_residual=False).encoder
    assert (layer.bias, layer.query_residual) == (False, False)
    assert not read(end_tokens=False).end_tokens
    assert read(end_tokens="all").end_tokens == "all"


def test_the_mean_time_step():
    assert read().mean_step == 0.01
    assert read(times_norm=PUBLISHED["times_norm"] | {"target_value": 1}).mean_step == 1.0


def test_keys_of_other_versions_are_ignored():
    others = {"delta_time_only": True, "loss_type": "rmse", "hidden_layers": [256, 256], "finetune_num_points": -1}
    assert read(**others) == read()
    assert with_layer(dropout="none", another=[1]) == read()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_embedding_size": 2**40}, "model_embedding_size must be an integer"),
        ({"model_embedding_size": 260}, "model_embedding_size 260 must be a multiple of 4 and of nhead = 8"),
        ({"max_dimension": 0}, "max_dimension"),
        ({"max_dimension": "3"}, "max_dimension"),
        ({"phi_0t": {"name": "torch.nn.Bilinear"}}, "phi_0t: name must be 'torch.nn.Linear'"),
        ({"phi_1x": None}, "phi_1x must be an object"),
        ({"psi_1": {"num_layers": 2}}, "layer must be an object"),
        ({"psi_1": {"num_layers": 10**6, "layer": LAYER}}, "num_layers"),
        ({"operator": operator(num_res_layers=0)}, "num_res_layers"),
        ({"operator": operator(paths_block_attention=True)}, "operator: paths_block_attention must be false"),
        ({"operator": {"num_res_layers": 8}}, "paths_block_attention must be false"),
        ({"operator": operator(projection={})}, "projection: name must be"),
        ({"operator": operator(attention={"nhead": 8, "dim_feedforward": 8})}, r"operator\.attention: activation"),
        ({"learnable_loss_scales": operator(attention=[])}, "attention must be an object"),
        ({"learnable_loss_scales": True}, "learnable_loss_scales must be an object"),
        ({"states_norm": {"name": "fim.models.sde.MinMaxNormalization"}}, "states_norm: name must be"),
        ({"times_norm": {"name": "fim.models.sde.MinMaxNormalization"}}, "times_norm: name must be"),
        ({"times_norm": PUBLISHED["times_norm"] | {"target_value": 0}}, "target_value must be a positive number"),
        ({"times_norm": PUBLISHED["times_norm"] | {"target_value": "1"}}, "target_value must be a positive number"),
        ({"end_tokens": "yes"}, "end_tokens must be true, false or null"),
    ],
)
def test_a_wrong_value_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        read(**changes)


@pytest.mark.parametrize("hidden", [None, 256, [0], [256.0], [10**9], [16] * 100])
def test_wrong_widths_are_named(hidden):
    projection = operator()["projection"] | {"hidden_layers": hidden}
    with pytest.raises(ValueError, match="hidden_layers"):
        read(operator=operator(projection=projection))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("nhead", 7),
        ("nhead", True),
        ("dim_feedforward", 10**12),
        ("activation", "torch.nn.ReLU"),
        ("attn_method", "flash"),
        ("lin_feature_map", "cosine"),
        ("lin_feature_map", None),
        ("bias", 1),
        ("query_residual", "no"),
    ],
)
def test_a_wrong_value_of_a_layer_is_named(key, value):
    with pytest.raises(ValueError, match=key):
        with_layer(**{key: value})


@pytest.mark.parametrize("key", ["max_dimension", "model_embedding_size", "phi_0x", "psi_1", "operator", "times_norm"])
def test_a_missing_key_is_named(key):
    with pytest.raises(ValueError, match=key):
        FIMSDEConfig.from_dict({name: value for name, value in PUBLISHED.items() if name != key})


def test_the_golden_configurations_are_in_their_format():
    folders = sorted(path.parent for path in (Path(__file__).parent / "golden" / "sde").glob("*/config.json"))
    assert len(folders) == 3
    for folder in folders:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        assert PUBLISHED.keys() <= config.keys()

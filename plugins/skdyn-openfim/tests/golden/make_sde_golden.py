"""Write the golden numbers of the folder ``sde`` here with OpenFIM's own FIM-SDE, on random weights of a tiny size.

Run as `make_golden` says: ``python make_sde_golden.py FOLDER``. The contexts are those of `make_golden`.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from make_golden import make_contexts, make_state
from safetensors.torch import save_file

GELU = "torch.nn.GELU"
LINEAR = {"name": "torch.nn.Linear"}
ATTENTION = {"nhead": 4, "dim_feedforward": 24, "dropout": 0.1, "activation": GELU}


def operator(layers, hidden, **attention):
    return {
        "paths_block_attention": False,
        "num_res_layers": layers,
        "attention": ATTENTION | attention,
        "projection": {
            "name": "fim.models.blocks.base.MLP",
            "hidden_layers": hidden,
            "hidden_act": {"name": GELU},
            "dropout": 0.1,
        },
    }


def configuration(encoder, decoder):
    """The keys of a published ``config.json``, with attention of an encoder and of operators."""
    return {
        "architectures": ["FIMSDE"],
        "model_type": "fimsde",
        "name": "FIMSDE",
        "dtype": "float32",
        "max_dimension": 3,
        "model_embedding_size": 16,
        "num_locations_on_path": 32,
        "phi_0t": LINEAR,
        "phi_0x": LINEAR,
        "phi_1x": LINEAR,
        "psi_1": {"name": "CombinedPathTransformer", "num_layers": 2, "layer": ATTENTION | encoder},
        "operator": operator(2, [16, 12], **decoder),
        "learnable_loss_scales": operator(1, [12, 12], **decoder),
        "states_norm": {"name": "fim.models.sde.Standardization"},
        "times_norm": {"name": "fim.models.sde.DeltaLogCentering"},
        "finetune": False,
        "hidden_act": {"name": GELU},
        "residual_ff_size": 24,
    }


def linear(feature_map="softmax"):
    return {"attn_method": "linear", "lin_feature_map": feature_map, "lin_normalize": False}


NO_BIAS = {"bias": False}
LAYOUTS = {
    "published": configuration(linear(), {}),
    "published-no-bias": configuration(linear() | NO_BIAS, NO_BIAS),
    "swapped": configuration({"attn_method": "nn_multihead"}, linear()),
}
FEATURE_MAPS = ["softmax", "softmax-efficient", "softmax-gnot", "elu"]


def variants(layout):
    """Changed configurations for the same weights, by name."""
    found = {}
    for feature_map in FEATURE_MAPS:
        for residual in (True, False):
            config = _copy(LAYOUTS[layout])
            for layer in (
                config["psi_1"]["layer"],
                config["operator"]["attention"],
                config["learnable_loss_scales"]["attention"],
            ):
                layer["query_residual"] = residual
                if layer.get("attn_method") == "linear":
                    layer["lin_feature_map"] = feature_map
            found[f"{feature_map}/{'residual' if residual else 'plain'}"] = config
    if layout == "published":
        found["mean-step"] = _copy(LAYOUTS[layout])
        found["mean-step"]["times_norm"]["target_value"] = 0.05
    return found


def _copy(config):
    """A copy that shares nothing, not even inside itself, because their constructors change what they are given."""
    return json.loads(json.dumps(config))


def official_model(config):
    from fim.models.sde import FIMSDE, FIMSDEConfig

    return FIMSDE(FIMSDEConfig(**_copy(config)))


@torch.no_grad()
def evaluate(model, context, end_tokens):
    """Drift and diffusion (N, D) in the context's units and log-scale of the loss (N,), in double precision."""
    states, times, queries, mask = (
        torch.from_numpy(context[name])[None] for name in ("states", "times", "queries", "mask")
    )
    data = {"obs_values": states, "obs_times": times[..., None], "obs_mask": mask[..., None]}
    prepared = list(model.preprocess_inputs(data, queries))
    if not end_tokens:
        last = mask.shape[-1] - 1 - mask.flip(-1).to(torch.int8).argmax(-1)
        prepared[2] = (mask & (torch.arange(mask.shape[-1]) < last[..., None]))[..., None]
    times, states, mask, points, states_stats, times_stats = prepared
    estimate, encoding = model.get_estimated_sde_concepts(points, times, states, mask)
    log_scale = model.get_log_loss_scales(points, encoding, mask)
    estimate.renormalize(model.states_norm, states_stats, model.times_norm, times_stats)
    dim = queries.shape[-1]
    if end_tokens:
        whole = model(data, locations=queries, training=False)
        assert torch.equal(whole.drift, estimate.drift)
        assert torch.equal(whole.diffusion, estimate.diffusion)
    return estimate.drift[0, :, :dim].numpy(), estimate.diffusion[0, :, :dim].numpy(), log_scale[0, :, 0].numpy()


def keep_double_precision():
    """Let their casts to float32 do nothing: the reference is to be exact."""
    softmax, to = torch.Tensor.softmax, torch.Tensor.to
    torch.Tensor.softmax = lambda self, dim, dtype=None: softmax(self, dim)
    torch.Tensor.to = lambda self, *args, **kwargs: (
        self if args == (torch.float32,) and self.dtype == torch.float64 else to(self, *args, **kwargs)
    )


def main(folder):
    keep_double_precision()
    contexts = make_contexts()
    for seed, (layout, config) in enumerate(LAYOUTS.items()):
        place = folder / "sde" / layout
        place.mkdir(parents=True, exist_ok=True)
        state = make_state(official_model(config), 100 + seed)
        save_file(state, place / "model.safetensors")
        (place / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        outputs = {}
        for variant, changed in variants(layout).items():
            model = official_model(changed)
            model.load_state_dict(state)
            model.double().eval()
            for dim, context in contexts.items():
                for end_tokens in (True, False):
                    key = f"{variant}/{dim}/{'end-tokens' if end_tokens else 'clean'}"
                    for name, values in zip(
                        ("drift", "diffusion", "log_scale"), evaluate(model, context, end_tokens), strict=True
                    ):
                        outputs[f"{name}/{key}"] = values
        np.savez_compressed(place / "outputs.npz", **outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

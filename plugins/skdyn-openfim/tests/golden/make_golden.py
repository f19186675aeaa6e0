"""Write the golden numbers of this folder with OpenFIM's own FIM-ODE, on random weights of a tiny size.

Run in an environment where OpenFIM (github.com/FIM4Science/OpenFIM, revision cee2bb5) can be imported:

    python make_golden.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

MODEL = {
    "attention_map": "softmax-gnot",
    "attention_method": "linear",
    "dim_embed": 16,
    "dim_feedforward": 24,
    "dim_ffn_u_model": 20,
    "dim_hidden_u_model": 12,
    "dim_max_trajectory": 3,
    "dropout": 0.1,
    "num_context_encoder_layers": 2,
    "num_heads": 4,
    "num_res_layer_u_model": 1,
    "num_res_layers_functional_decoder": 2,
    "use_bias_for_projection": True,
    "use_bias_in_attention": True,
    "use_query_residual_in_attention": True,
}
TRAIN = {
    "corruption_model_type": "odeformer",
    "loss_filter_nans": True,
    "loss_type": "l1",
    "max_sigma_trajectory_noise": 0.06,
    "max_subsampling_ration": 0.5,
    "train_type": "vector_field",
    "train_with_normalized_head": True,
}
MULTIHEAD = {"attention_method": "nn_multihead", "attention_map": None}
LAYOUTS = {
    "linear": {},
    "linear-no-attention-bias": {"use_bias_in_attention": False},
    "linear-no-projection-bias": {"use_bias_for_projection": False},
    "multihead": MULTIHEAD,
    "multihead-no-bias": {**MULTIHEAD, "use_bias_in_attention": False, "use_bias_for_projection": False},
}
FEATURE_MAPS = ["softmax-gnot", "softmax-efficient", "softmax", "elu"]


def make_contexts():
    """Ragged, irregular and gappy trajectories of 1, 2 and 3 dimensions on very different scales."""
    rng = np.random.default_rng(7)
    contexts = {}
    for dim in (1, 2, 3):
        paths, points, queries = 4, 12, 6
        times = np.cumsum(rng.lognormal(-3, 0.8, (paths, points)), axis=1)
        phase, frequency = rng.uniform(0, 6, (paths, 1, dim)), rng.uniform(1, 4, (1, 1, dim))
        scale, shift = np.array([1.0, 20.0, 0.3])[:dim], np.array([0.0, 5.0, -1.0])[:dim]
        waves = np.sin(frequency * times[..., None] + phase) + 0.1 * rng.normal(size=(paths, points, dim))
        mask = np.arange(points) < np.array([12, 9, 5, 2])[:, None]
        mask[0, [0, 4, 5]] = mask[1, 3] = False
        contexts[dim] = {
            "times": times,
            "states": waves * scale + shift,
            "mask": mask,
            "queries": rng.normal(size=(queries, dim)) * scale + shift,
        }
    return contexts


def make_state(model, seed):
    """Random weights, strong enough that the field varies over the queries."""
    rng = np.random.default_rng(seed)
    state = {}
    for name, tensor in model.state_dict().items():
        if tensor.ndim == 1:
            values = 0.2 * rng.normal(size=tensor.shape) + ("norm" in name and name.endswith("weight"))
        else:
            strong = any(part in name for part in ("linear_Q", "linear_K", "in_proj", "location_proj", "phi_1x"))
            values = rng.normal(size=tensor.shape) * (3.0 if strong else 1.0) / tensor.shape[1] ** 0.5
        state[name] = torch.tensor(values, dtype=torch.float32)
    return state


def official_model(model_config):
    from fim.models.ode import FIMODE, FIMODEConfig

    return FIMODE(FIMODEConfig(model_config=dict(model_config), train_config=dict(TRAIN)))


@torch.no_grad()
def evaluate(model, context):
    """Field (N, D) in the context's units and uncertainty (N,), in double precision."""
    states, times, queries, mask = (
        torch.from_numpy(context[name])[None] for name in ("states", "times", "queries", "mask")
    )
    output = model.model_forward(states, times[..., None], queries, mask[..., None])
    uncertainty = model.u_model(output)
    output.predictions.renormalize()
    return output.predictions.drift[0, :, : queries.shape[-1]].numpy(), uncertainty[0].numpy()


def main(folder):
    softmax = torch.Tensor.softmax
    # Their linear attention asks for float32 inside; the reference is to be exact.
    torch.Tensor.softmax = lambda self, dim, dtype=None: softmax(self, dim)
    contexts = make_contexts()
    inputs = {f"{name}_{dim}": values for dim, context in contexts.items() for name, values in context.items()}
    np.savez_compressed(folder / "contexts.npz", **inputs)
    for seed, (layout, changes) in enumerate(LAYOUTS.items()):
        config = {**MODEL, **changes}
        place = folder / layout
        place.mkdir(exist_ok=True)
        state = make_state(official_model(config), seed)
        save_file(state, place / "model.safetensors")
        content = {"model_config": config, "train_config": TRAIN}
        (place / "config.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        outputs = {}
        for feature_map in FEATURE_MAPS if layout == "linear" else [config["attention_map"]]:
            for residual in (True, False):
                variant = {"attention_map": feature_map, "use_query_residual_in_attention": residual}
                model = official_model({**config, **variant})
                model.load_state_dict(state)
                model.double().eval()
                key = f"{feature_map or 'multihead'}/{'residual' if residual else 'plain'}"
                for dim, context in contexts.items():
                    outputs[f"field/{key}/{dim}"], outputs[f"log_scale/{key}/{dim}"] = evaluate(model, context)
        np.savez_compressed(place / "outputs.npz", **outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from skdyn.data.trajectories import Trajectories
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model

GOLDEN = Path(__file__).parent / "golden"
collect_ignore_glob = ["golden/make_*.py"]  # scripts, which need the authors' code


@pytest.fixture
def checkpoint(tmp_path):
    """Write one of the golden checkpoints with changes to its configuration and to the names of its tensors."""

    def write(layout="linear", rename=lambda name: name, train=None, extra=None, **model):
        config = json.loads((GOLDEN / layout / "config.json").read_text(encoding="utf-8"))
        config["model_config"] |= model
        config["train_config"] |= train or {}
        folder = tmp_path / f"checkpoint-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        tensors = load_file(GOLDEN / layout / "model.safetensors")
        renamed = {new: tensor for name, tensor in tensors.items() if (new := rename(name)) is not None}
        save_file(renamed, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(config | (extra or {})), encoding="utf-8")
        return folder

    return write


@pytest.fixture(scope="session")
def contexts():
    """The golden contexts by dimension: trajectories, as observed and without the gaps, and queries (N, D)."""
    arrays = np.load(GOLDEN / "contexts.npz")
    found = {}
    for dim in (1, 2, 3):
        times, states, mask = (arrays[f"{name}_{dim}"] for name in ("times", "states", "mask"))
        observed = [(t[keep], x[keep]) for t, x, keep in zip(times, states, mask, strict=True)]
        found[dim] = Trajectories(observed), arrays[f"queries_{dim}"]
    return found


@pytest.fixture
def evaluate(contexts):
    """Field (N, D) and log-scale (N, D) of a checkpoint in normalised units."""

    def run(folder, dim, precision="float64"):
        context, queries = contexts[dim]
        engine = Engine(load_model(folder), "cpu", precision)
        encoded = engine.encode([context])
        field, scale = engine.decode(encoded, queries[None])
        return encoded.scaling.normalise_field(field)[0], np.log(encoded.scaling.normalise_field(scale))[0]

    return run


@pytest.fixture
def sde_checkpoint(tmp_path):
    """Write one of the golden FIM-SDE checkpoints with changes to its configuration and to its tensors."""

    def write(
        layout="published", rename=lambda name: name, added=None, feature_map=None, query_residual=None, **changes
    ):
        config = json.loads((GOLDEN / "sde" / layout / "config.json").read_text(encoding="utf-8")) | changes
        heads = [config[key] for key in ("operator", "learnable_loss_scales") if config.get(key)]
        for layer in (config["psi_1"]["layer"], *(head["attention"] for head in heads)):
            if query_residual is not None:
                layer["query_residual"] = query_residual
            if feature_map is not None and layer.get("attn_method") == "linear":
                layer["lin_feature_map"] = feature_map
        folder = tmp_path / f"checkpoint-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        tensors = load_file(GOLDEN / "sde" / layout / "model.safetensors")
        renamed = {new: tensor for name, tensor in tensors.items() if (new := rename(name)) is not None}
        save_file(renamed | (added or {}), folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return folder

    return write

import dataclasses
import shutil

import micro
import pytest
import torch
from safetensors.torch import load_file, save_file

from pretrain.ode.presets import network
from pretrain.ode.task import FIMODETask
from pretrain.run.checkpoint import load_checkpoint
from skdyn import WeightsError

CPU = torch.device("cpu")


def test_muon_gets_the_matrices_of_the_blocks_only():
    task = FIMODETask(micro.ODE, 0, CPU)
    chosen = [name for name, p in task.module.named_parameters() if task.is_matrix(name, p)]
    assert len(chosen) == 3 * 5  # query, key_value, output and two of the feed-forward in each of three blocks
    assert all(".encoder." in name or ".decoder." in name for name in chosen)


@pytest.mark.parametrize("kind", ["run", "model"])
def test_a_run_begins_with_the_weights_of_a_run_or_a_model(run, kind):
    folder = run if kind == "run" else run / "export"
    task = FIMODETask(micro.ODE, 5, torch.device("cpu"), initial=folder)
    fresh = FIMODETask(micro.ODE, 5, torch.device("cpu"))
    average = load_checkpoint(run / "checkpoints").tensors
    for name, parameter in task.module.named_parameters():
        expected = average[f"ema/{name}"]
        assert torch.equal(parameter, expected if kind == "run" else expected.half().float())
    earlier = task.describe()["data"]["begun_with_the_weights_of"]
    assert earlier.get("steps") == (12 if kind == "run" else None)
    assert "begun_with_the_weights_of" not in fresh.describe()["data"]


def test_a_run_refuses_weights_of_another_network(run):
    wider = dataclasses.replace(micro.ODE, network=network(24, 2, 1, 24, 8))
    with pytest.raises(ValueError, match="holds another network"):
        FIMODETask(wider, 0, torch.device("cpu"), initial=run / "export")


def test_a_run_begins_with_intact_weights_only(run, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(run / "export", folder)
    weights = load_file(folder / "model.safetensors")
    name = next(iter(weights))
    weights[name].flatten()[0] = float("nan")
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(WeightsError, match="is damaged or altered"):
        FIMODETask(micro.ODE, 0, CPU, initial=folder)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(ValueError, match=f"{name} holds NaN or infinite values"):
        FIMODETask(micro.ODE, 0, CPU, initial=folder)

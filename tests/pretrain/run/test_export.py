import hashlib
import json

import micro
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from pretrain.run import export
from pretrain.run.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from pretrain.run.export import export_run, push_to_hub
from skdyn.estimators._fim_ode import FIMODERegressor
from skdyn.nn.arbitrated import ArbitratedConfig, ArbitratedFIMODE


def test_the_folder_holds_what_a_bundle_holds(run):
    folder = run / "export"
    names = {"model.safetensors", "config.json", "MODEL_CARD.md", "SHA256SUMS"}
    assert {path.name for path in folder.iterdir()} == names
    sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == names - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
    config = ArbitratedConfig.from_dict(json.loads((folder / "config.json").read_text()))
    assert config == micro.ODE.network
    tensors = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    ArbitratedFIMODE(config).load_state_dict(tensors)


def test_the_weights_are_the_average(run):
    tensors = load_checkpoint(run / "checkpoints").tensors
    exported = load_file(run / "export" / "model.safetensors")
    for name, tensor in exported.items():
        assert torch.equal(tensor, tensors[f"ema/network.{name}"].half())
    assert any(not torch.equal(tensors[f"ema/network.{name}"], tensors[f"model/network.{name}"]) for name in exported)


def test_an_estimator_fits_with_it(run):
    t = np.linspace(0, 6, 60)
    trajectories = [(t, np.column_stack([np.cos(t), -np.sin(t)]))]
    estimator = FIMODERegressor(model=str(run / "export")).fit(trajectories)
    field = estimator.vector_field(np.array([[1.0, 0.0], [0.0, 0.5]]))
    assert field.shape == (2, 2)
    assert np.isfinite(field).all()


def test_command_line_replaces_an_older_export(run, tmp_path, capsys):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("old")
    export.main([str(run), "--out", str(tmp_path / "model")])
    assert capsys.readouterr().out.strip() == str(tmp_path / "model")
    for name in ("model.safetensors", "config.json", "MODEL_CARD.md"):
        assert (tmp_path / "model" / name).read_bytes() == (run / "export" / name).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_without_a_run_is_refused_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        export.main([str(tmp_path / "nope"), "--out", str(tmp_path / "model")])
    assert ended.value.code == 2
    assert "holds no checkpoint: name the folder of a run" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "model").exists()


def test_weights_that_overflow_are_refused(run, tmp_path):
    checkpoint = load_checkpoint(run / "checkpoints")
    tensors = {name: tensor.clone() for name, tensor in checkpoint.tensors.items()}
    tensors["ema/network.head.weight"][0, 0] = 1e6
    save_checkpoint(tmp_path / "checkpoints", 99, Checkpoint(tensors, checkpoint.values))
    with pytest.raises(ValueError, match=r"head\.weight is not finite"):
        export_run(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


class HubStandIn:
    """Records what the hub's API object would have been asked."""

    def __init__(self):
        self.repositories, self.files = [], {}

    def create_repo(self, *, repo_id, repo_type, exist_ok):
        assert repo_type == "model"
        assert exist_ok
        self.repositories.append(repo_id)

    def upload_folder(self, *, repo_id, repo_type, folder_path, allow_patterns, commit_message):
        assert repo_id in self.repositories
        assert repo_type == "model"
        assert commit_message
        from pathlib import Path

        self.files[repo_id] = {p.name: p.read_bytes() for p in Path(folder_path).iterdir() if p.name in allow_patterns}


def test_push_to_hub(run):
    api = HubStandIn()
    push_to_hub(run / "export", "someone/model", api)
    assert set(api.files["someone/model"]) == {"model.safetensors", "config.json", "MODEL_CARD.md", "SHA256SUMS"}
    assert api.files["someone/model"]["config.json"] == (run / "export" / "config.json").read_bytes()


def test_push_to_hub_takes_the_library_s_own_object():
    import inspect

    from huggingface_hub import HfApi

    upload = inspect.signature(HfApi.upload_folder).parameters
    create = inspect.signature(HfApi.create_repo).parameters
    assert {"repo_id", "repo_type", "folder_path", "allow_patterns", "commit_message"} <= set(upload)
    assert {"repo_id", "repo_type", "exist_ok"} <= set(create)


def test_command_line_pushes(run, tmp_path, monkeypatch):
    api = HubStandIn()
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: api)
    export.main([str(run), "--out", str(tmp_path / "model"), "--push-to-hub", "someone/model"])
    assert api.repositories == ["someone/model"]


def test_push_to_hub_refuses_nonsense(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="is missing"):
        push_to_hub(tmp_path, "someone/model", HubStandIn())
    with pytest.raises(ValueError, match="owner/name"):
        push_to_hub(run / "export", "model", HubStandIn())

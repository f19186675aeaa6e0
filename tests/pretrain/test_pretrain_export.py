import dataclasses
import hashlib
import json

import numpy as np
import pytest
import torch
from micro import MICRO
from safetensors import safe_open
from safetensors.torch import load_file

from pretrain.fim_ode import FIMODETask, train
from pretrain.ode.presets import network
from pretrain.ode.validation import ValidationSuite
from pretrain.priors.simulate import SimulationConfig
from pretrain.run import export
from pretrain.run.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from pretrain.run.export import export_run, push_to_hub
from pretrain.run.schedule import StepClock
from skdyn.estimators._fim_ode import FIMODERegressor
from skdyn.nn.fim_ode import FIMODE, FIMODEConfig

ERRORS = {"prior/mean": 0.5, "classics/pendulum/context_clean": 0.25}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FIMODETask, "validate", lambda self: ERRORS)
        assert train(MICRO, out, minutes=12 / 60, clock=StepClock(1.0)) == "finished"
    return out


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
    config = FIMODEConfig.from_dict(json.loads((folder / "config.json").read_text()))
    assert config == MICRO.network
    tensors = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    FIMODE(config).load_state_dict(tensors)


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


@pytest.mark.parametrize("kind", ["run", "model"])
def test_a_run_begins_with_the_weights_of_a_run_or_a_model(run, kind):
    folder = run if kind == "run" else run / "export"
    task = FIMODETask(MICRO, 5, torch.device("cpu"), initial=folder)
    fresh = FIMODETask(MICRO, 5, torch.device("cpu"))
    average = load_checkpoint(run / "checkpoints").tensors
    for name, parameter in task.module.named_parameters():
        expected = average[f"ema/{name}"]
        assert torch.equal(parameter, expected if kind == "run" else expected.half().float())
    earlier = task.describe()["data"]["begun_with_the_weights_of"]
    assert earlier.get("steps") == (12 if kind == "run" else None)
    assert "begun_with_the_weights_of" not in fresh.describe()["data"]


def test_a_run_refuses_weights_of_another_network(run):
    wider = dataclasses.replace(MICRO, network=network(24, 2, 1, 24, 8))
    with pytest.raises(ValueError, match="holds another network"):
        FIMODETask(wider, 0, torch.device("cpu"), initial=run / "export")


def test_the_card_tells_the_run(run):
    card = (run / "export" / "MODEL_CARD.md").read_text()
    report = json.loads((run / "run.json").read_text())
    parameters = sum(p.numel() for p in FIMODE(MICRO.network).parameters())
    for fact in ("# fim-ode", f"{parameters:,} parameters", report["source"]["sha256"], "12 steps", "polynomial"):
        assert fact in card
    assert "| prior/mean | 0.500 | 0.500 |" in card
    assert "status: finished" in card


def test_command_line_replaces_an_older_export(run, tmp_path, capsys):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("old")
    export.main([str(run), "--out", str(tmp_path / "model")])
    assert capsys.readouterr().out.strip() == str(tmp_path / "model")
    for name in ("model.safetensors", "config.json", "MODEL_CARD.md"):
        assert (tmp_path / "model" / name).read_bytes() == (run / "export" / name).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


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


class Silent:
    """Says that nothing moves."""

    def encode_tokens(self, tokens):
        return tokens

    def decode(self, context, queries):
        return torch.zeros_like(queries), torch.zeros_like(queries)


def test_the_frozen_suite(monkeypatch):
    monkeypatch.setattr("pretrain.ode.validation._SIMULATION", SimulationConfig(substeps=1))
    suite = ValidationSuite(6, MICRO.network, torch.device("cpu"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = FIMODE(MICRO.network)
    errors = suite.errors(network)
    assert all(np.isfinite(value) and value > 0 for value in errors.values())
    for name in ("prior/context_clean", "prior/3d/box_noisy", "prior/8_paths/others_clean", "prior/mean"):
        assert name in errors
    classics = {name.split("/")[1] for name in errors if name.startswith("classics/")}
    assert classics == {"van_der_pol", "fitzhugh_nagumo", "pendulum", "roessler", "selkov"}
    assert all(value == pytest.approx(1.0) for value in suite.errors(Silent()).values())


def test_presets_are_consistent():
    from pretrain.ode.presets import PRESETS
    from pretrain.priors import PRIORS

    for preset in PRESETS.values():
        assert preset.prior in PRIORS
        assert set(preset.systems) == set(preset.dims)
        for shape in preset.shapes:
            assert shape.paths <= preset.simulation.paths
            assert shape.points <= preset.simulation.points
            assert shape.contexts >= len(preset.dims)
    small = sum(p.numel() for p in FIMODE(PRESETS["small"].network).parameters())
    assert small == 650_862  # the bundled model's sizes

import dataclasses
import json

import micro
import numpy as np
import pytest
import torch

from pretrain.fim_sde import train
from pretrain.run.checkpoint import load_checkpoint
from pretrain.run.report import read_metrics
from pretrain.run.schedule import StepClock
from pretrain.sde.presets import PRESETS
from pretrain.sde.task import FIMSDETask
from skdyn import FIMSDERegressor

CPU = torch.device("cpu")


def test_an_interrupted_run_continues_and_its_export_fits(tmp_path, monkeypatch):
    monkeypatch.setattr(FIMSDETask, "validate", lambda self: {"prior/mean": 1.0})
    clock = {"clock": StepClock(1.0)}
    assert train(micro.SDE, tmp_path / "straight", 9 / 60, **clock) == "finished"
    assert train(micro.SDE, tmp_path / "cut", 9 / 60, session_minutes=4 / 60, **clock) == "interrupted"
    assert train(micro.SDE, tmp_path / "cut", 9 / 60, resume=True, **clock) == "finished"
    straight, cut = (load_checkpoint(tmp_path / name / "checkpoints") for name in ("straight", "cut"))
    assert all(torch.equal(tensor, cut.tensors[name]) for name, tensor in straight.tensors.items())
    walk = np.cumsum(np.random.default_rng(0).normal(size=(80, 2)), axis=0)
    fitted = FIMSDERegressor(model=tmp_path / "cut/export", device="cpu").fit(walk)
    assert (fitted.diffusion(walk[:5]) >= 0).all()
    card = (tmp_path / "cut/export/MODEL_CARD.md").read_text()
    assert "stochastic systems" in card


def test_training_lowers_the_loss(tmp_path, monkeypatch):
    monkeypatch.setattr(FIMSDETask, "validate", lambda self: {"prior/mean": 1.0})
    train(dataclasses.replace(micro.SDE, steps_per_pool=40), tmp_path / "run", 120 / 60, clock=StepClock(1.0))
    rows = [row["loss"] for row in read_metrics(tmp_path / "run/metrics.jsonl") if row["kind"] == "train"]
    assert np.mean(rows[-5:]) < np.mean(rows[:5]) - 0.3


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_describes_itself_as_json_gives_it_back(name):
    described = FIMSDETask(PRESETS[name], 0, CPU).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["parameters"] > 1000

import dataclasses
import json

import micro
import pytest
import torch

from pretrain.forecasting.batches import PrefixShape
from pretrain.forecasting.corruption import ObservationConfig
from pretrain.forecasting.objective import LASSODEObjective, forward_flops
from pretrain.forecasting.task import LASSODETask
from pretrain.lass_ode import train
from pretrain.run.checkpoint import load_checkpoint
from pretrain.run.report import read_metrics
from pretrain.run.schedule import Schedule, StepClock
from pretrain.run.trainer import Trainer, TrainSettings
from skdyn.models.weights import load_model

CPU = torch.device("cpu")


def run(out, steps, resume=False, session=None, preset=micro.FORECAST):
    return train(
        preset,
        out,
        minutes=steps / 60,
        clock=StepClock(1.0),
        resume=resume,
        session_minutes=None if session is None else session / 60,
    )


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, monkeypatch):
    monkeypatch.setattr(LASSODETask, "validate", lambda self: {"unseen/mean": 1.0})
    assert run(tmp_path / "straight", 9) == "finished"
    assert run(tmp_path / "cut", 9, session=4) == "interrupted"
    assert run(tmp_path / "cut", 9, resume=True) == "finished"
    straight, cut = (load_checkpoint(tmp_path / name / "checkpoints") for name in ("straight", "cut"))
    assert all(torch.equal(tensor, cut.tensors[name]) for name, tensor in straight.tensors.items())


def test_what_a_run_leaves_behind(tmp_path):
    run(tmp_path, 8)
    report = json.loads((tmp_path / "run.json").read_text())
    assert report["status"] == "finished"
    assert report["model_flops_per_second"] > 0
    assert report["task"]["recordings"] == {"families": 4 * len(micro.FEW) * 2, "prior": 0, "recorded-like": 0}
    assert {"unseen/mean", "unseen/30%_clean", "unseen/90%_noisy"} <= set(report["validation"])
    last = [row for row in read_metrics(tmp_path / "metrics.jsonl") if row["kind"] == "train"][-1]
    assert {"loss", "forecast_loss", "divergence", "balance", "error/seen", "error/unseen"} <= set(last)
    card = (tmp_path / "export" / "MODEL_CARD.md").read_text()
    for fact in ("# lass-ode", "8 steps", "named families", "| unseen/mean |", "A forecaster"):
        assert fact in card
    model = load_model(tmp_path / "export")
    assert model.config == micro.FORECAST.network
    assert model.network.config == micro.FORECAST.network


def test_it_learns(tmp_path):
    preset = dataclasses.replace(
        micro.FORECAST,
        steps_per_pool=1000,
        shapes=(PrefixShape(points=20, channels=12, weight=1.0),),
        observation=ObservationConfig(dims={2: 1.0}, subset=0.0, mix=0.0, clean=1.0),
    )
    task = LASSODETask(preset, 0, CPU)
    settings = TrainSettings(60.0, Schedule(peak=1e-2, warmup_steps=10), preset.optim, log_every=10.0)
    task.validate = dict
    Trainer(task, settings, tmp_path, CPU, StepClock(1.0)).run()
    losses = [row["loss"] for row in read_metrics(tmp_path / "metrics.jsonl") if row["kind"] == "train"]
    assert losses[-1] < 0.85 * losses[0]


def test_batches_are_functions_of_the_step(monkeypatch):
    one, other = LASSODETask(micro.FORECAST, 0, CPU), LASSODETask(micro.FORECAST, 0, CPU)
    for step in range(3):
        one.batch(step)
    first, second = one.batch(7), other.batch(7)
    assert torch.equal(first.targets, second.targets)
    assert not torch.equal(first.targets[:1, 0, :10], LASSODETask(micro.FORECAST, 1, CPU).batch(7).targets[:1, 0, :10])


def test_operations_grow_with_points_and_channels():
    network = LASSODEObjective(micro.FORECAST.network).network
    few, more = forward_flops(network, 1, 10), forward_flops(network, 1, 20)
    assert few < more < forward_flops(network, 2, 20)
    task = LASSODETask(micro.FORECAST, 0, CPU)
    batch = task.batch(0)
    series, dim, points = batch.prefixes.values.shape
    assert task.cost(batch) == (series, pytest.approx(3 * series * forward_flops(network, dim, points)))

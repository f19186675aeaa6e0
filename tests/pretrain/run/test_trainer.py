import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import micro
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from pretrain.fim_ode import train
from pretrain.ode.presets import PRESETS
from pretrain.ode.task import FIMODETask
from pretrain.run.checkpoint import load_checkpoint
from pretrain.run.optim import OptimConfig
from pretrain.run.report import draw_curve, read_metrics
from pretrain.run.schedule import Schedule, StepClock
from pretrain.run.trainer import Trainer, TrainSettings

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _no_validation(monkeypatch):
    """The frozen suite takes seconds to simulate; one test below uses the real one."""
    monkeypatch.setattr(FIMODETask, "validate", lambda self: {"prior/mean": 1.0 + self.seed})


def run(out, steps, resume=False, session=None, **changes):
    return train(
        dataclasses.replace(micro.ODE, **changes),
        out,
        minutes=steps / 60,
        clock=StepClock(1.0),
        resume=resume,
        session_minutes=None if session is None else session / 60,
    )


def rows(out, kind="train"):
    return [row for row in read_metrics(out / "metrics.jsonl") if row["kind"] == kind]


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path):
    assert run(tmp_path / "straight", 13) == "finished"
    assert run(tmp_path / "cut", 13, session=4) == "interrupted"
    assert run(tmp_path / "cut", 13, resume=True, session=5) == "interrupted"
    assert run(tmp_path / "cut", 13, resume=True) == "finished"
    straight, cut = (load_checkpoint(tmp_path / name / "checkpoints") for name in ("straight", "cut"))
    assert straight.tensors.keys() == cut.tensors.keys()
    assert all(torch.equal(tensor, cut.tensors[name]) for name, tensor in straight.tensors.items())
    assert straight.values["state"]["contexts"] == cut.values["state"]["contexts"]
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "straight/export" / name).read_bytes() == (tmp_path / "cut/export" / name).read_bytes()


def test_a_killed_run_continues_from_its_last_checkpoint(tmp_path, monkeypatch):
    assert run(tmp_path / "straight", 9) == "finished"
    original = FIMODETask.batch

    def killed(self, step):
        if step == 7:
            raise KeyboardInterrupt
        return original(self, step)

    monkeypatch.setattr(FIMODETask, "batch", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", 9)
    monkeypatch.setattr(FIMODETask, "batch", original)
    assert run(tmp_path / "cut", 9, resume=True) == "finished"
    straight, cut = (load_checkpoint(tmp_path / name / "checkpoints") for name in ("straight", "cut"))
    assert all(torch.equal(tensor, cut.tensors[name]) for name, tensor in straight.tensors.items())
    steps = [row["step"] for row in rows(tmp_path / "cut")]
    assert steps == sorted(set(steps))


def test_a_failed_save_does_not_end_the_run(tmp_path, monkeypatch, capsys):
    from pretrain.run import trainer

    original, calls = trainer.save_checkpoint, []

    def full_once(*arguments, **options):
        calls.append(1)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        return original(*arguments, **options)

    monkeypatch.setattr(trainer, "save_checkpoint", full_once)
    assert run(tmp_path, 9) == "finished"
    assert "could not be saved" in capsys.readouterr().err
    assert len(calls) >= 2


def test_it_learns(tmp_path):
    task = FIMODETask(dataclasses.replace(micro.ODE, steps_per_pool=1000, shapes=micro.ODE.shapes[:1]), 0, CPU)
    settings = TrainSettings(60.0, Schedule(peak=1e-2, warmup=0.05, warmup_steps=5), OptimConfig(), log_every=10.0)
    Trainer(task, settings, tmp_path, CPU, StepClock(1.0)).run()
    losses = [row["loss"] for row in rows(tmp_path)]
    assert np.median(losses[-3:]) < losses[0] - 0.5  # single batches with an error that nothing predicted stand out


def test_what_a_run_leaves_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("pretrain.run.trainer.draw_curve", draw_curve)
    run(tmp_path, 12)
    report = json.loads((tmp_path / "run.json").read_text())
    assert report["status"] == "finished"
    assert report["steps"] == 12
    assert report["skipped_batches"] == 0
    assert report["contexts"] > 12 * 4
    assert report["model_flops_per_second"] > 0
    assert report["share_simulating"] > 0
    assert report["model_flops_utilisation"] is None  # no peak is known for a CPU
    assert report["versions"]["torch"] == torch.__version__
    assert len(report["source"]["sha256"]) == 64
    assert report["device"]["type"] == "cpu"
    assert report["task"]["network"] == json.loads(json.dumps(micro.ODE.network.to_dict()))
    assert report["validation_at_start"] == report["validation"] == {"prior/mean": 1.0}
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    last = rows(tmp_path)[-1]
    assert {"loss", "query_loss", "token_loss", "error/1d", "error/2d", "contexts_per_second"} <= set(last)
    names = {name for row in rows(tmp_path) for name in row}
    assert {"error/1_paths", "error/2_paths", "error/clean", "error/low_noise", "error/high_noise"} <= names
    assert len(rows(tmp_path, "validation")) >= 3


def test_batches_without_a_finite_gradient_are_skipped_and_counted(tmp_path, monkeypatch):
    original = FIMODETask.batch

    def sometimes_broken(self, step):
        batch = original(self, step)
        if step in (2, 3):
            batch.targets.fill_(float("nan"))
        return batch

    monkeypatch.setattr(FIMODETask, "batch", sometimes_broken)
    run(tmp_path, 6)
    report = json.loads((tmp_path / "run.json").read_text())
    assert report["skipped_batches"] == 2
    assert all(t.isfinite().all() for t in load_checkpoint(tmp_path / "checkpoints").tensors.values())


def test_skipping_changes_no_weight(tmp_path, monkeypatch):
    task = FIMODETask(micro.ODE, 0, CPU)
    before = {name: p.detach().clone() for name, p in task.module.named_parameters()}
    batch = task.batch(0)
    batch.targets.fill_(float("inf"))
    monkeypatch.setattr(task, "batch", lambda step: batch)
    trainer = Trainer(task, TrainSettings(3.0, Schedule(), OptimConfig()), tmp_path, CPU, StepClock(1.0))
    assert trainer.run() == "finished"
    assert all(torch.equal(p, before[name]) for name, p in task.module.named_parameters())


def test_a_run_that_only_skips_gives_up(tmp_path, monkeypatch):
    task = FIMODETask(micro.ODE, 0, CPU)
    batch = task.batch(0)
    batch.targets.fill_(float("nan"))
    monkeypatch.setattr(task, "batch", lambda step: batch)
    monkeypatch.setattr("pretrain.run.trainer._TOO_MANY_SKIPPED", 5)
    trainer = Trainer(task, TrainSettings(30.0, Schedule(), OptimConfig()), tmp_path, CPU, StepClock(1.0))
    with pytest.raises(FloatingPointError, match="5 batches in a row"):
        trainer.run()


def test_resuming_another_recipe_is_refused(tmp_path):
    run(tmp_path, 4)
    with pytest.raises(ValueError, match="another network"):
        run(tmp_path, 8, resume=True, network=PRESETS["tiny"].network)
    with pytest.raises(ValueError, match="another data"):
        run(tmp_path, 8, resume=True, ragged=0.9)


def test_a_second_run_in_the_folder_of_a_first_is_refused(tmp_path):
    run(tmp_path, 3)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(FileExistsError, match=r"already holds a run; continue it with resume=True"):
        run(tmp_path, 2)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_resume_without_a_checkpoint_begins(tmp_path):
    assert run(tmp_path, 3, resume=True) == "finished"


def test_sigterm_saves_and_ends(tmp_path):
    class Terminating(StepClock):
        def elapsed(self, step):
            if step == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().elapsed(step)

    handler = signal.getsignal(signal.SIGTERM)
    outcome = train(micro.ODE, tmp_path, minutes=1, clock=Terminating(1.0))
    assert outcome == "interrupted"
    assert signal.getsignal(signal.SIGTERM) is handler
    assert 3 <= load_checkpoint(tmp_path / "checkpoints").values["state"]["step"] <= 4
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "interrupted"
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_first_step_saves_and_ends(tmp_path, monkeypatch, number):
    def validate(self):
        signal.raise_signal(number)  # to this thread, which no other is then quicker than
        return {"prior/mean": 1.0}

    with monkeypatch.context() as patch:
        patch.setattr(FIMODETask, "validate", validate)
        assert run(tmp_path, 3) == "interrupted"
    report = json.loads((tmp_path / "run.json").read_text())
    assert (report["status"], report["steps"]) == ("interrupted", 0)
    assert run(tmp_path, 3, resume=True) == "finished"


def test_training_outside_the_main_thread(tmp_path):
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(run(tmp_path, 2)))
    thread.start()
    thread.join()
    assert outcomes == ["finished"]


def test_two_processes_train_one_model_and_resume(tmp_path):
    here = Path(__file__).parent
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"PYTHONPATH": f"{here.parents[2]}{os.pathsep}{here.parent}", "OMP_NUM_THREADS": "1"}
    # Two launches, as people do it: a process group that is joined again in one process may read the first one's keys.
    for part in ("cut", "resume"):
        result = subprocess.run(
            [*command, str(here / "ddp_worker.py"), part, str(tmp_path)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0, result.stderr[-3000:]
    weights = [load_file(tmp_path / f"rank{rank}.safetensors") for rank in (0, 1)]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
    queries = [load_file(tmp_path / f"batch{rank}.safetensors")["queries"] for rank in (0, 1)]
    assert queries[0].shape == queries[1].shape
    assert not torch.equal(*queries)
    report = json.loads((tmp_path / "run.json").read_text())
    assert report["settings"]["processes"] == 2
    assert report["steps"] == 8
    assert (tmp_path / "export/model.safetensors").is_file()


class _Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = nn.Linear(3, 1)

    def forward(self, batch):
        loss = (self.network(batch) - batch.sum(-1, keepdim=True)).pow(2).mean()
        return loss, {}


class LineTask:
    """Another task altogether: the trainer must need nothing of FIM-ODE."""

    def __init__(self):
        self.module = _Line()
        self.seconds_simulating, self.used_in_part = 0.0, False

    def is_matrix(self, name, parameter):
        return False

    def batch(self, step):
        return torch.randn(16, 3, generator=torch.Generator().manual_seed(step))

    def cost(self, batch):
        return len(batch), 6.0 * batch.numel()

    def validate(self):
        return {"error": float(self.module.network.bias.detach().abs())}

    def describe(self):
        return {"model": "line", "network": {"width": 3}, "seed": 0, "data": {}}


def test_the_trainer_trains_any_task(tmp_path):
    settings = TrainSettings(200.0, Schedule(peak=0.05, warmup_steps=5), OptimConfig())
    Trainer(LineTask(), settings, tmp_path, CPU, StepClock(1.0)).run()
    assert rows(tmp_path)[-1]["loss"] < 0.05

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from micro import MICRO
from safetensors.torch import load_file
from torch import nn

from pretrain import fim_ode
from pretrain.fim_ode import FIMODETask, train
from pretrain.ode.objective import FIMODEObjective, activation_bytes, forward_flops
from pretrain.ode.presets import PRESETS
from pretrain.run.checkpoint import load_checkpoint
from pretrain.run.optim import OptimConfig
from pretrain.run.report import read_metrics
from pretrain.run.schedule import Schedule, StepClock
from pretrain.run.trainer import Trainer, TrainSettings

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _no_validation(monkeypatch):
    """The frozen suite takes seconds to simulate; one test below uses the real one."""
    monkeypatch.setattr(FIMODETask, "validate", lambda self: {"prior/mean": 1.0 + self.seed})


def run(out, steps, resume=False, session=None, **changes):
    return train(
        dataclasses.replace(MICRO, **changes),
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
    task = FIMODETask(dataclasses.replace(MICRO, steps_per_pool=1000, shapes=MICRO.shapes[:1]), 0, CPU)
    settings = TrainSettings(60.0, Schedule(peak=1e-2, warmup=0.05, warmup_steps=5), OptimConfig(), log_every=10.0)
    Trainer(task, settings, tmp_path, CPU, StepClock(1.0)).run()
    losses = [row["loss"] for row in rows(tmp_path)]
    assert losses[-1] < losses[0] - 0.5


def test_what_a_run_leaves_behind(tmp_path):
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
    assert report["task"]["network"] == json.loads(json.dumps(MICRO.network.to_dict()))
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
    task = FIMODETask(MICRO, 0, CPU)
    before = {name: p.detach().clone() for name, p in task.module.named_parameters()}
    batch = task.batch(0)
    batch.targets.fill_(float("inf"))
    monkeypatch.setattr(task, "batch", lambda step: batch)
    trainer = Trainer(task, TrainSettings(3.0, Schedule(), OptimConfig()), tmp_path, CPU, StepClock(1.0))
    assert trainer.run() == "finished"
    assert all(torch.equal(p, before[name]) for name, p in task.module.named_parameters())


def test_a_run_that_only_skips_gives_up(tmp_path, monkeypatch):
    task = FIMODETask(MICRO, 0, CPU)
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


def test_resume_without_a_checkpoint_begins(tmp_path):
    assert run(tmp_path, 3, resume=True) == "finished"


def test_sigterm_saves_and_ends(tmp_path):
    class Terminating(StepClock):
        def elapsed(self, step):
            if step == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().elapsed(step)

    handler = signal.getsignal(signal.SIGTERM)
    outcome = train(MICRO, tmp_path, minutes=1, clock=Terminating(1.0))
    assert outcome == "interrupted"
    assert signal.getsignal(signal.SIGTERM) is handler
    assert 3 <= load_checkpoint(tmp_path / "checkpoints").values["state"]["step"] <= 4
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "interrupted"
    assert not (tmp_path / "export").exists()


def test_training_outside_the_main_thread(tmp_path):
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(run(tmp_path, 2)))
    thread.start()
    thread.join()
    assert outcomes == ["finished"]


def test_two_processes_train_one_model(tmp_path):
    here = Path(__file__).parent
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"PYTHONPATH": f"{here.parent.parent}{os.pathsep}{here}", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [*command, str(here / "ddp_worker.py"), str(tmp_path)],
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


def test_loss_is_the_stated_formula():
    task = FIMODETask(MICRO, 0, CPU)
    batch = task.batch(1)
    network = task.module.network
    with torch.no_grad():
        loss, sums = task.module(batch)
        context = network.encode_tokens(batch.tokens)
        field, scale = network.decode(context, batch.queries)
    expected = []
    velocity, clean = batch.clean_velocities.flatten(1, 2), batch.clean_states.flatten(1, 2)
    for b, dim in enumerate(batch.dims.tolist()):
        seen, asked = batch.tokens.mask.flatten(1)[b], batch.query_mask[b]

        def laplace(truth, mean, u, dim=dim):
            return ((truth - mean).abs() * (-u).exp() + u)[:, :dim].mean()

        term = laplace(batch.targets[b][asked], field[b][asked], scale[b][asked])
        term = term + 0.5 * laplace(velocity[b][seen], context.velocity[b][seen], context.log_scale[b][seen])
        expected.append(term + (context.state[b] - clean[b])[seen][:, :dim].abs().mean())
    expected = torch.stack(expected)
    torch.testing.assert_close(loss, (expected * batch.weight).sum() / batch.weight.sum())
    assert sums["error/1d"][1] + sums["error/2d"][1] == batch.weight.sum()


# The compiler itself looks at the .grad of activations, and PyTorch warns its user of it.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_compiled_blocks_train_alike(monkeypatch):
    original = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, dynamic: original(f, dynamic=dynamic, backend="eager"))
    plain, compiled = FIMODETask(MICRO, 0, CPU), FIMODETask(MICRO, 0, CPU)
    compiled.module.compile_blocks()
    assert compiled.module.state_dict().keys() == plain.module.state_dict().keys()
    batch = plain.batch(0)
    for task in (plain, compiled):
        task.module(batch)[0].backward()
    for p, q in zip(plain.module.parameters(), compiled.module.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)
    with torch.no_grad():
        torch.testing.assert_close(compiled.module(batch)[0], plain.module(batch)[0])


def test_weightless_contexts_have_no_gradient():
    task = FIMODETask(MICRO, 0, CPU)
    batch = task.batch(0)
    batch.weight[1:] = 0
    task.module(batch)[0].backward()
    gradient = task.module.network.head.weight.grad.clone()
    batch.targets[1:] += 7
    task.module.zero_grad()
    task.module(batch)[0].backward()
    assert torch.equal(gradient, task.module.network.head.weight.grad)


def test_flops_grow_as_they_should():
    network = FIMODEObjective(MICRO.network).network
    one, two = forward_flops(network, 1, 20, 30), forward_flops(network, 2, 20, 30)
    parameters = sum(p.numel() for p in network.parameters() if p.ndim == 2)
    assert one > 2 * 20 * parameters * 0.4  # every token passes about half of the weights
    assert 1.5 * one < two < 3 * one


def test_activations_are_counted():
    task = FIMODETask(MICRO, 0, CPU)
    batch = task.batch(0)
    count = activation_bytes(task.module, batch)
    tokens = batch.tokens.mask.numel()
    assert count > 4 * tokens * MICRO.network.width * 10


def test_muon_gets_the_matrices_of_the_blocks_only():
    task = FIMODETask(MICRO, 0, CPU)
    chosen = [name for name, p in task.module.named_parameters() if task.is_matrix(name, p)]
    assert len(chosen) == 3 * 5  # query, key_value, output and two of the feed-forward in each of three blocks
    assert all(".encoder." in name or ".decoder." in name for name in chosen)


def test_dry_run_prints(monkeypatch, capsys):
    monkeypatch.setitem(PRESETS, "tiny", MICRO)
    fim_ode.main(["--preset", "tiny", "--minutes", "1", "--device", "cpu", "--dry-run"])
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    parameters = sum(p.numel() for p in FIMODEObjective(MICRO.network).parameters())
    assert int(printed["parameters"].replace(",", "")) == parameters
    assert {"flops_per_step", "state_bytes", "activation_bytes", "seconds_per_step", "steps"} <= set(printed)


def test_command_line_trains_and_refuses_to_overwrite(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(PRESETS, "tiny", MICRO)
    common = ["--preset", "tiny", "--minutes", "0.02", "--device", "cpu", "--out", str(tmp_path)]
    fim_ode.main([*common, "--prior", "polynomial", "--shard-mb", "1"])
    assert "finished" in capsys.readouterr().err
    prior = json.loads((tmp_path / "run.json").read_text())["task"]["data"]["prior"]
    assert prior == {"polynomial": 1.0}
    with pytest.raises(SystemExit):
        fim_ode.main(common)
    assert "--resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--preset", "tiny"], ["--out", "x", "--minutes", "0"], ["--prior", "lorenz", "--out", "x"]]
)
def test_bad_command_lines(arguments, capsys):
    with pytest.raises(SystemExit):
        fim_ode.main([*arguments, "--device", "cpu"])
    assert "error" in capsys.readouterr().err


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
        self.seconds_simulating = 0.0

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

import dataclasses
import json
from functools import partial

import micro
import pytest
import torch
from safetensors.torch import save_file

from pretrain import fim_ode, lass_ode
from pretrain.ode.objective import FIMODEObjective
from pretrain.ode.presets import PRESETS
from pretrain.ode.task import FIMODETask
from pretrain.run.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from pretrain.run.recipe import run_recipe
from pretrain.run.schedule import StepClock
from skdyn.nn.fim_ode import FIMODE, FIMODEConfig


def test_dry_run_prints(monkeypatch, capsys):
    monkeypatch.setitem(PRESETS, "tiny", micro.ODE)
    fim_ode.main(["--preset", "tiny", "--minutes", "1", "--device", "cpu", "--dry-run"])
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    parameters = sum(p.numel() for p in FIMODEObjective(micro.ODE.network).parameters())
    assert int(printed["parameters"].replace(",", "")) == parameters
    assert {"flops_per_step", "state_bytes", "activation_bytes", "seconds_per_step", "steps"} <= set(printed)


def test_command_line_trains_and_refuses_to_overwrite(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(PRESETS, "tiny", micro.ODE)
    monkeypatch.setattr(FIMODETask, "validate", lambda self: {"prior/mean": 1.0})
    common = ["--preset", "tiny", "--minutes", "0.02", "--device", "cpu", "--out", str(tmp_path)]
    fim_ode.main([*common, "--prior", "polynomial", "--shard-mb", "1"])
    assert "finished" in capsys.readouterr().err
    prior = json.loads((tmp_path / "run.json").read_text())["task"]["data"]["prior"]
    assert prior == {"polynomial": 1.0}
    with pytest.raises(SystemExit):
        fim_ode.main(common)
    assert "--resume" in capsys.readouterr().err


def write_format_1(folder):
    """Weights as they were before there was an arbiter."""
    values = micro.ODE.network.to_dict() | {"format_version": 1}
    names = {field.name for field in dataclasses.fields(FIMODEConfig)}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = FIMODE(FIMODEConfig.from_dict({key: value for key, value in values.items() if key in names}))
    folder.mkdir()
    save_file(network.state_dict(), folder / "model.safetensors")
    return network


def test_two_stages_the_arbiter_and_then_all_together(tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "tiny", dataclasses.replace(micro.ODE, wide_share=0.3))
    monkeypatch.setattr(FIMODETask, "validate", lambda self: {"prior/mean": 1.0})
    common = ["--preset", "tiny", "--minutes", "0.03", "--device", "cpu"]
    first = {}
    network = write_format_1(tmp_path / "old")
    stages = (("arbiter", ["--train", "arbiter", "--initial", str(tmp_path / "old")]),
              ("network", ["--train", "network", "--initial", str(tmp_path / "arbiter")]),
              ("all", ["--initial", str(tmp_path / "arbiter")]))  # fmt: skip
    for name, options in stages:
        fim_ode.main([*common, "--out", str(tmp_path / name), *options])
        report = json.loads((tmp_path / name / "run.json").read_text())
        assert report["status"] == "finished"
        assert report["steps"] > 0
        assert report["task"]["data"]["part"] == name
        first[name] = load_checkpoint(tmp_path / name / "checkpoints").tensors
    for name, tensor in network.state_dict().items():
        assert torch.equal(first["arbiter"][f"ema/network.{name}"], tensor), name
    before, after = first["arbiter"], first["all"]
    moved = {name for name in before.keys() & after.keys() if not torch.equal(before[name], after[name])}
    assert any(".arbiter." in name for name in moved)
    assert any(".encoder." in name for name in moved)
    assert not any(name.startswith("optimizer/") and ".encoder." in name for name in first["arbiter"])
    averages = {name for name in before if name.startswith("ema/")}
    moved = {name for name in averages if not torch.equal(before[name], first["network"][name])}
    assert any(".encoder." in name for name in moved)
    assert not any(".arbiter." in name for name in moved)


@pytest.mark.parametrize("reuse", [1, 3])
def test_the_first_stage_continues_where_it_was_cut(tmp_path, monkeypatch, reuse):
    monkeypatch.setattr(FIMODETask, "validate", lambda self: {"prior/mean": 1.0})
    initial = tmp_path / "old"
    write_format_1(initial)
    preset = dataclasses.replace(micro.ODE, reuse=reuse)
    make = partial(fim_ode.make_task, preset, 1.0, 0, initial=initial, part="arbiter")
    for name, sessions in (("straight", [None]), ("cut", [4 / 60, None])):
        for number, session in enumerate(sessions):
            run_recipe(make, preset, tmp_path / name, 8 / 60, torch.device("cpu"), clock=StepClock(1.0),
                       resume=number > 0, session_minutes=session)  # fmt: skip
    one, other = (load_checkpoint(tmp_path / name / "checkpoints").tensors for name in ("straight", "cut"))
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--preset", "tiny"],
        ["--out", "x", "--minutes", "0"],
        ["--out", "x", "--minutes", "nan"],
        ["--out", "x", "--minutes", "inf"],
        ["--out", "x", "--session-minutes", "nan"],
        ["--out", "x", "--shard-mb", "0.1"],
        ["--out", "x", "--shard-mb", "nan"],
        ["--prior", "lorenz", "--out", "x"],
        ["--train", "arbiter", "--out", "x"],
        ["--train", "network", "--out", "x"],
    ],
)
def test_bad_command_lines(arguments, capsys):
    with pytest.raises(SystemExit):
        fim_ode.main([*arguments, "--device", "cpu"])
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize("device", ["nowhere", "cuda:99", "meta"])
def test_a_device_that_is_not_there(device, tmp_path, capsys):
    for options in (["--out", str(tmp_path / "run")], ["--dry-run"]):
        with pytest.raises(SystemExit) as ended:
            fim_ode.main(["--preset", "tiny", "--device", device, *options])
        assert ended.value.code == 2
        message = capsys.readouterr().err.splitlines()[-1]
        assert f"argument --device: device '{device}' is not available here" in message
        assert message.endswith("; choose auto or cpu")
    assert not (tmp_path / "run").exists()


def refusal(tmp_path, capsys, *options):
    """The one line with which a command ends that is given these options."""
    common = ["--preset", "tiny", "--minutes", "1", "--device", "cpu", "--out", str(tmp_path / "run")]
    with pytest.raises(SystemExit) as ended:
        fim_ode.main([*common, *options])
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_weights_that_nothing_can_begin_with(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(PRESETS, "tiny", micro.ODE)
    nowhere, other = tmp_path / "nowhere", tmp_path / "other"
    message = f"error: {nowhere} holds neither model.safetensors nor checkpoints: name the folder of a model or a run"
    assert refusal(tmp_path, capsys, "--initial", str(nowhere)).endswith(message)
    other.mkdir()
    save_file({"nothing": torch.zeros(3)}, other / "model.safetensors")
    assert "other holds another network: network.nothing" in refusal(tmp_path, capsys, "--initial", str(other))
    assert not (tmp_path / "run").exists()


def test_another_model_is_not_continued(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(PRESETS, "tiny", micro.ODE)
    values = {"state": {}, "task": {"model": "lass-ode"}}
    save_checkpoint(tmp_path / "run" / "checkpoints", 3, Checkpoint({"model/x": torch.zeros(2)}, values))
    message = refusal(tmp_path, capsys, "--resume")
    assert "run was trained with another model: 'lass-ode', now 'fim-ode'" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": float("nan")}, "minutes must be positive and finite, got nan"),
        ({"session_minutes": 0.0}, "session_minutes must be positive and finite, got 0"),
        ({"shard_mb": 0.1}, "parts of 0.1 MB are too small"),
    ],
)
def test_what_no_run_can_be_made_of_is_refused_first(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        fim_ode.train(micro.ODE, tmp_path / "run", **{"minutes": 1.0} | options)
    assert not (tmp_path / "run").exists()


def test_the_command_line_chooses_the_track(tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(lass_ode, "run_from_command_line", lambda make, preset, parser, options: seen.append(preset))
    lass_ode.main(["--preset", "tiny", "--out", str(tmp_path)])
    lass_ode.main(["--preset", "tiny", "--out", str(tmp_path), "--track", "strict"])
    assert [preset.library.prior for preset in seen] == ["mixture", ""]
    with pytest.raises(SystemExit):
        lass_ode.main(["--track", "loose", "--out", str(tmp_path)])
    assert "invalid choice" in capsys.readouterr().err

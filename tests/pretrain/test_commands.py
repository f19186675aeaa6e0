import json

import micro
import pytest

from pretrain import fim_ode, lass_ode
from pretrain.ode.objective import FIMODEObjective
from pretrain.ode.presets import PRESETS
from pretrain.ode.task import FIMODETask


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


@pytest.mark.parametrize(
    "arguments", [["--preset", "tiny"], ["--out", "x", "--minutes", "0"], ["--prior", "lorenz", "--out", "x"]]
)
def test_bad_command_lines(arguments, capsys):
    with pytest.raises(SystemExit):
        fim_ode.main([*arguments, "--device", "cpu"])
    assert "error" in capsys.readouterr().err


def test_the_command_line_chooses_the_track(tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(lass_ode, "run_from_command_line", lambda make, preset, options: seen.append(preset))
    lass_ode.main(["--preset", "tiny", "--out", str(tmp_path)])
    lass_ode.main(["--preset", "tiny", "--out", str(tmp_path), "--track", "strict"])
    assert [preset.library.prior for preset in seen] == ["mixture", ""]
    with pytest.raises(SystemExit):
        lass_ode.main(["--track", "loose", "--out", str(tmp_path)])
    assert "invalid choice" in capsys.readouterr().err

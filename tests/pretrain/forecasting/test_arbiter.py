"""The arbiter's draws, training and export, in the small."""

import json
from pathlib import Path
from types import SimpleNamespace

import micro
import numpy as np
import pytest
import torch

from pretrain import forecast_arbiter
from pretrain.forecasting.arbiter_cases import KINDS, Source
from pretrain.forecasting.arbiter_training import FORECASTERS, Questions, Settings, calibrate, judged, train
from pretrain.priors.real_like import growth, real_like, recurrent
from skdyn.forecasting.arbiter_files import load_arbiter
from skdyn.forecasting.features import OF_FORECASTERS, OF_TIMES

SHORT = Settings(steps=60, batch=128)


def made_up(series=12, seed=0):
    """Questions of which the second forecaster is right, and its errors in the backtests say so."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(series):
        target = rng.normal(size=8)
        features = rng.normal(size=(8, len(FORECASTERS), OF_FORECASTERS)) * 0.1
        features[:, 1, [0, 1, 7, 8]] = -1.5
        forecasts = target[:, None] + rng.normal(size=(8, len(FORECASTERS)))
        forecasts[:, 1] = target + 0.01 * rng.normal(size=8)
        part = {"of_forecasters": features, "of_times": rng.normal(size=(8, OF_TIMES)), "forecasts": forecasts,
                "spread": np.ones(8), "target": target, "unit": np.ones(8),
                "lead": np.repeat([0.0, 0.1, 0.2], [4, 2, 2])}  # fmt: skip
        parts.append(
            {name: array.astype(np.float32) for name, array in part.items()}
            | {"there": np.ones((8, len(FORECASTERS)), dtype=bool)}
        )
    return parts


@pytest.mark.parametrize("draw", [real_like, growth, recurrent])
def test_draws_are_finite_and_move(draw):
    for seed in range(20 if draw is not recurrent else 2):
        series = draw(np.random.default_rng(seed))
        assert np.isfinite(series).all()
        assert np.ptp(series) > 0
        np.testing.assert_array_equal(series, draw(np.random.default_rng(seed)))


def test_a_source_keeps_to_its_kinds():
    source = Source(3, ["growth", "real-like"])
    drawn = [source.draw() for _ in range(12)]
    assert {series.kind for series in drawn} == {"growth", "real-like"}
    for series in drawn:
        assert series.times[-1] < series.future[0]
        assert len(series.truth) == len(series.future)
    assert sum(KINDS.values()) == pytest.approx(1)


def test_long_waits_show_bars(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("pretrain.priors.library.IN_DOMAIN", micro.FEW)
    monkeypatch.setattr(forecast_arbiter, "rows_of", lambda *_: made_up(1)[0])
    monkeypatch.setattr(Source, "draw", lambda self: SimpleNamespace(kind="family"))
    forecast_arbiter.main(["--series", "8", "--kinds", "family", "--steps", "2", "--out", str(tmp_path / "arbiter")])
    shown = capsys.readouterr().err
    for wait in ("families: 100%", "series: 100%", "steps: 100%"):
        assert wait in shown


def test_training_learns_whom_to_believe():
    arbiter = train(Questions(made_up(), [1.0] * 12), SHORT, 0)
    held_out = Questions(made_up(seed=1), [1.0] * 12)
    calibrate(arbiter, held_out)
    found = judged(arbiter, held_out, ["growth"] * 12)["growth"]
    assert found["error"] < 0.05
    assert found["in the 80% interval"] == pytest.approx(0.8, abs=0.02)


def test_the_command_writes_what_skdyn_loads(tmp_path, capsys):
    cache = tmp_path / "said.npz"
    forecast_arbiter.write_cache(cache, made_up(), ["growth"] * 12)
    parts, kinds = forecast_arbiter.read_cache(cache)
    np.testing.assert_array_equal(parts[3]["target"], made_up()[3]["target"])
    assert kinds == ["growth"] * 12
    forecast_arbiter.main(["--cache", str(cache), "--out", str(tmp_path / "arbiter"), "--steps", "5"])
    assert "growth series 2" in capsys.readouterr().out
    arbiter, known = load_arbiter(tmp_path / "arbiter")
    assert known["network"] == len(FORECASTERS)
    assert not arbiter.training
    assert json.loads((tmp_path / "arbiter" / "config.json").read_text())["forecasters"] == list(FORECASTERS)
    assert "10 for training, 2 held out" in (tmp_path / "arbiter" / "MODEL_CARD.md").read_text()


def test_intervals_are_calibrated_anew_without_training(tmp_path):
    cache, first, second = (tmp_path / name for name in ("said.npz", "arbiter", "wider"))
    forecast_arbiter.write_cache(cache, made_up(), ["growth"] * 12)
    forecast_arbiter.main(["--cache", str(cache), "--out", str(first), "--steps", "5"])
    fresh = tmp_path / "fresh.npz"
    forecast_arbiter.write_cache(fresh, made_up(seed=2), ["growth"] * 12)
    for _ in range(2):  # its own output too, of whose card one calibration is left
        forecast_arbiter.main(["--cache", str(fresh), "--calibrate", str(first), "--out", str(second)])
        first, second = second, first
    (before, known), (after, still) = load_arbiter(tmp_path / "arbiter"), load_arbiter(tmp_path / "wider")
    assert still == known
    found = judged(after, Questions(made_up(seed=2), [1.0] * 12, known), ["growth"] * 12)["growth"]
    assert found["in the 80% interval"] == pytest.approx(0.8, abs=0.02)
    for name, tensor in before.state_dict().items():
        if name != "log_widening":
            assert torch.equal(tensor, after.state_dict()[name])
    text = (tmp_path / "arbiter" / "MODEL_CARD.md").read_text()
    assert text.count("## Calibration") == 1
    assert text.index("## Validation") < text.index("## Calibration")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cache", "a.npz", "b.npz"], "a.npz and b.npz are of the same series"),
        (["--cache", "seed11.npz", "b.npz"], "seed11.npz and b.npz are of the same series"),
        (["--cache", "seed11.npz", "./seed11.npz"], "of the same series"),
        (["--cache", "seed11.npz", "--model", "other"], "seed11.npz holds what lass-ode said, not other"),
        (["--cache", "said"], "--cache said must be the name of an .npz file"),
        (["--cache", "absent/said.npz"], "in a folder that exists"),
        (["--cache", "a.npz", "--calibrate", "absent", "--out", "out"], "--calibrate: "),
        (["--cache", "a.npz", "--calibrate", "absent"], "--out is required"),
        ([], "--out is required"),
        (["--cache", "a.npz", "--kinds", "grwth"], "--kinds has no 'grwth'"),
        (["--cache", "a.npz", "--series", "0"], "--series and --steps must be positive"),
        (["--cache", "a.npz", "--model", "fim-ode"], "--model fim-ode is of the kind 'ode' and forecasts no series"),
        (["--cache", "a.npz", "--model", "absent"], "--model: "),
    ],
)
def test_what_cannot_be_kept_or_used_is_refused_before_the_forecasts(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    for step in ("collect", "Source"):
        monkeypatch.setattr(forecast_arbiter, step, lambda *_, **__: pytest.fail("series were drawn"))
    asked = {"seed": 11, "kinds": ",".join(sorted(KINDS)), "model": "lass-ode"}
    forecast_arbiter.write_cache(tmp_path / "seed11.npz", made_up(), ["growth"] * 12, asked)
    with pytest.raises(SystemExit):
        forecast_arbiter.main(arguments)
    assert message in capsys.readouterr().err


def test_a_cache_that_is_there_says_how_it_was_drawn(tmp_path, capsys):
    cache = tmp_path / "said.npz"
    asked = {"seed": 12, "kinds": "growth", "model": "lass-ode"}
    forecast_arbiter.write_cache(cache, made_up(), ["growth"] * 12, asked)
    assert forecast_arbiter.read_asked(cache) == asked
    forecast_arbiter.main(["--cache", str(cache), "--kinds", "growth"])
    assert "is read as it was drawn, with seed 12\n" in capsys.readouterr().err


def test_forecasters_that_an_arbiter_does_not_know_have_no_number():
    questions = Questions(made_up(), [1.0] * 12, {"parrot": 3})
    assert questions.who.tolist() == [3] + [0] * (len(FORECASTERS) - 1)


@pytest.mark.slow
def test_questions_of_a_series(tmp_path):
    model = str(Path(__file__).parents[2] / "dummy" / "lass-ode-tiny")
    arguments = ["--series", "2", "--kinds", "growth", "--model", model, "--cache", str(tmp_path / "two.npz")]
    forecast_arbiter.main(arguments)
    parts, _ = forecast_arbiter.read_cache(tmp_path / "two.npz")
    assert parts[0]["of_forecasters"].shape[1:] == (len(FORECASTERS), OF_FORECASTERS)
    assert all(np.isfinite(part["of_forecasters"]).all() and part["there"][:, -1].all() for part in parts)

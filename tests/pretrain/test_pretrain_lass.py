import dataclasses
import json

import numpy as np
import pytest
import torch

from pretrain import lass_ode
from pretrain.forecasting.batches import Cut, ObservationConfig, PrefixShape, collate, make_forecast_batch
from pretrain.forecasting.objective import LASSODEObjective, forward_flops
from pretrain.forecasting.presets import PRESETS
from pretrain.forecasting.validation import ForecastSuite
from pretrain.lass_ode import LASSODETask
from pretrain.priors.library import GRID, Librarian, LibraryConfig
from pretrain.run.checkpoint import load_checkpoint
from pretrain.run.recipe import run_recipe
from pretrain.run.report import read_metrics
from pretrain.run.schedule import Schedule, StepClock
from pretrain.run.trainer import Trainer, TrainSettings
from skdyn.datasets.families import FAMILIES
from skdyn.models.weights import load_model
from skdyn.nn.lass_ode import SIZES

CPU = torch.device("cpu")
FEW = ("logistic", "hopf", "pendulum", "wake_mono")
MICRO = dataclasses.replace(
    PRESETS["tiny"],
    network=dataclasses.replace(SIZES["tiny"], width=16, heads=2, layers=1, expert_width=16, tokens=5, kernels=8),
    library=LibraryConfig(per_family=4, prior=""),
    shapes=(PrefixShape(points=20, channels=6, weight=0.6), PrefixShape(points=30, channels=4, weight=0.4)),
    steps_per_library=5,
    schedule=Schedule(peak=3e-3, warmup=0.1, warmup_steps=2),
    validate_every=100.0,
    save_every=4.0,
)


@pytest.fixture(autouse=True)
def _few_families(monkeypatch):
    """Simulating all twenty takes seconds."""
    monkeypatch.setattr("pretrain.priors.library.IN_DOMAIN", FEW)
    monkeypatch.setattr("pretrain.forecasting.validation.IN_DOMAIN", FEW)


@pytest.fixture(scope="module")
def library():
    rng = np.random.default_rng(0)
    recordings = {name: FAMILIES[name].simulate(5, rng, GRID)[1].astype(np.float32) for name in FEW}
    return {1: recordings["logistic"], 2: recordings["hopf"], 5: recordings["wake_mono"]}


def run(out, steps, resume=False, session=None, preset=MICRO):
    return run_recipe(
        lambda device, rank: LASSODETask(preset, 0, device, rank),
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
    assert report["task"]["recordings"] == {"families": 4 * len(FEW) * 2, "prior": 0}
    assert {"unseen/mean", "unseen/30%_clean", "unseen/90%_noisy"} <= set(report["validation"])
    last = [row for row in read_metrics(tmp_path / "metrics.jsonl") if row["kind"] == "train"][-1]
    assert {"loss", "forecast_loss", "divergence", "balance", "error/seen", "error/unseen"} <= set(last)
    card = (tmp_path / "export" / "MODEL_CARD.md").read_text()
    for fact in ("# lass-ode", "8 steps", "named families", "| unseen/mean |", "A forecaster"):
        assert fact in card
    model = load_model(tmp_path / "export")
    assert model.config == MICRO.network
    assert model.network.config == MICRO.network


def test_it_learns(tmp_path):
    preset = dataclasses.replace(
        MICRO,
        steps_per_library=1000,
        shapes=(PrefixShape(points=20, channels=12, weight=1.0),),
        observation=ObservationConfig(dims={2: 1.0}, subset=0.0, mix=0.0, clean=1.0),
    )
    task = LASSODETask(preset, 0, CPU)
    settings = TrainSettings(60.0, Schedule(peak=1e-2, warmup_steps=10), preset.optim, log_every=10.0)
    task.validate = dict
    Trainer(task, settings, tmp_path, CPU, StepClock(1.0)).run()
    losses = [row["loss"] for row in read_metrics(tmp_path / "metrics.jsonl") if row["kind"] == "train"]
    assert losses[-1] < 0.85 * losses[0]


def test_the_strict_track_has_no_random_systems_and_the_open_one_has():
    strict = Librarian(LibraryConfig(per_family=2, prior=""))
    assert {dim: len(x) for dim, x in strict.draw(np.random.default_rng(0)).items()} == {1: 2, 2: 4, 5: 2}
    assert strict.counts["prior"] == 0
    librarian = Librarian(LibraryConfig(per_family=2, prior="oscillator=1", prior_systems={2: 30}))
    library = librarian.draw(np.random.default_rng(0))
    assert len(library[2]) == 4 + librarian.counts["prior"] > 4
    assert library[2].shape[1:] == (GRID, 2)
    assert np.isfinite(library[2]).all()


def test_the_command_line_chooses_the_track(tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(lass_ode, "run_from_command_line", lambda make, preset, options: seen.append(preset))
    lass_ode.main(["--preset", "tiny", "--out", str(tmp_path)])
    lass_ode.main(["--preset", "tiny", "--out", str(tmp_path), "--track", "strict"])
    assert [preset.library.prior for preset in seen] == ["mixture", ""]
    with pytest.raises(SystemExit):
        lass_ode.main(["--track", "loose", "--out", str(tmp_path)])
    assert "invalid choice" in capsys.readouterr().err


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_batches(library, dim):
    config = ObservationConfig()
    shape = PrefixShape(points=40, channels=24, weight=1.0)
    batch = make_forecast_batch(library, dim, shape, config, np.random.default_rng(1))
    count = 24 // dim
    assert batch.prefixes.values.shape[:2] == (count, dim)
    assert batch.targets.shape == (count, dim, config.seen + config.unseen)
    assert batch.unseen.shape == batch.times.shape == (count, config.seen + config.unseen)
    assert (batch.unseen.sum(-1) == config.unseen).all()
    assert (batch.times.diff(dim=-1) >= 0).all()
    assert batch.times.min() >= 0
    assert batch.times.max() <= 1
    last = batch.prefixes.last[:, 0]
    assert ((last > 0.15) & (last <= 0.9 + 1e-6)).all()
    for times, unseen, end in zip(batch.times, batch.unseen, last, strict=True):
        assert torch.equal(times > end + 1e-6, unseen)
    # Observed values fill [-1, 1]; the scale is the whole recording's, which is at least as wide without noise.
    values = torch.where(batch.prefixes.mask, batch.prefixes.values, torch.nan)
    assert values.nan_to_num(0).abs().max() == pytest.approx(1.0)
    assert (batch.scale >= 1).all()


def test_clean_targets_continue_the_clean_prefix(library):
    config = ObservationConfig(clean=1.0, jittered=0.0, thinned=0.0, gapped=0.0, seen=200)
    batch = make_forecast_batch(library, 2, PrefixShape(30, 8, 1.0), config, np.random.default_rng(2))
    p = batch.prefixes
    for b in range(len(batch.times)):
        n = int(p.counts[b, 0])
        for d in range(2):
            known = np.interp(p.times[b, d, :n], batch.times[b], batch.targets[b, d])
            np.testing.assert_allclose(known, p.values[b, d, :n], atol=0.02)


def test_nothing_after_the_prefix_reaches_the_network():
    rng = np.random.default_rng(0)
    t = np.arange(30.0)
    x = rng.normal(size=(30, 2))
    cut = Cut(t[:12], x[:12], t, x, np.ptp(x, axis=0) / 2, 29.0)
    changed = dataclasses.replace(cut, targets=np.concatenate([x[:12], 100 * x[12:]]))
    first, second = (collate([part]).prefixes for part in (cut, changed))
    for field in dataclasses.fields(first):
        assert torch.equal(getattr(first, field.name), getattr(second, field.name))


def test_batches_are_functions_of_the_step(monkeypatch):
    one, other = LASSODETask(MICRO, 0, CPU), LASSODETask(MICRO, 0, CPU)
    for step in range(3):
        one.batch(step)
    first, second = one.batch(7), other.batch(7)
    assert torch.equal(first.targets, second.targets)
    assert not torch.equal(first.targets[:1, 0, :10], LASSODETask(MICRO, 1, CPU).batch(7).targets[:1, 0, :10])


def test_the_loss_of_a_perfect_forecast_is_that_of_its_spread(library):
    batch = make_forecast_batch(library, 2, PrefixShape(30, 8, 1.0), ObservationConfig(), np.random.default_rng(2))
    objective = LASSODEObjective(MICRO.network)
    objective.network.decode = lambda encoded, times: batch.targets[..., None].expand(*batch.targets.shape, 9)
    _, sums = objective(batch)
    assert sums["forecast_loss"][0] == 0
    assert sums["error/unseen"][0] == 0
    objective.network.decode = lambda encoded, times: (
        batch.targets[..., None] + (batch.scale[..., None, None] * 0.5).expand(-1, -1, 60, 9)
    )
    _, sums = objective(batch)
    assert float(sums["error/unseen"][0] / sums["error/unseen"][1]) == pytest.approx(0.25, rel=1e-4)


def test_the_frozen_suite():
    suite, again = ForecastSuite(2, CPU), ForecastSuite(2, CPU)
    network = LASSODEObjective(MICRO.network).network.train()
    errors = suite.errors(network)
    assert errors == again.errors(network)  # the mean of the latent state, not a draw
    assert network.training
    assert errors["unseen/mean"] == pytest.approx(np.mean([v for k, v in errors.items() if k != "unseen/mean"]))
    assert all(0 < error < 100 for error in errors.values())


def test_operations_grow_with_points_and_channels():
    network = LASSODEObjective(MICRO.network).network
    few, more = forward_flops(network, 1, 10), forward_flops(network, 1, 20)
    assert few < more < forward_flops(network, 2, 20)
    task = LASSODETask(MICRO, 0, CPU)
    batch = task.batch(0)
    series, dim, points = batch.prefixes.values.shape
    assert task.cost(batch) == (series, pytest.approx(3 * series * forward_flops(network, dim, points)))


def test_presets_are_consistent():
    for preset in PRESETS.values():
        assert all(shape.points <= GRID for shape in preset.shapes)
        assert all(shape.channels >= max(preset.observation.dims) for shape in preset.shapes)
        assert max(preset.observation.dims) <= preset.network.max_dim
    assert not PRESETS["paper"].library.prior

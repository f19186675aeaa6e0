import dataclasses
import json

import numpy as np
import pytest
import torch

from pretrain.fim_sde import FIMSDETask, train
from pretrain.priors import FAMILIES, Mixture
from pretrain.priors.base import Start
from pretrain.priors.diffusion import DIFFUSIONS, KINDS, Diffusion, sample_diffusion
from pretrain.priors.fields import PolynomialField, monomials
from pretrain.priors.simulate_sde import Recordings, Regime, SDESimulator, euler_maruyama
from pretrain.run.checkpoint import load_checkpoint
from pretrain.run.report import read_metrics
from pretrain.run.schedule import Schedule, StepClock
from pretrain.sde import validation
from pretrain.sde.batches import ExamplePool, Noise, Observation, observe
from pretrain.sde.presets import PRESETS, network
from pretrain.sde.validation import SDEValidationSuite
from skdyn import FIMSDERegressor

CPU = torch.device("cpu")
MICRO = dataclasses.replace(
    PRESETS["tiny"],
    network=network(width=16, encoder_layers=1, decoder_layers=1, feedforward=24, leaves=16, local_width=8),
    drifts="linear=0.6,potential=0.4",
    regimes=(Regime(paths=2, points=60, substeps=2, weight=1.0, duration=(3.0, 10.0)),),
    observations=(
        Observation(paths=1, points=40, weight=0.6),
        Observation(paths=2, points=12, weight=0.4),
    ),
    systems={1: 40, 2: 30},
    batch={1: 8},
    steps_per_pool=5,
    queries=12,
    schedule=Schedule(peak=3e-3, warmup=0.1, warmup_steps=2),
    validate_every=6.0,
    save_every=4.0,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def linear(rates, centres):
    """Systems ``x' = -r (x - c)`` in one dimension."""
    n = len(rates)
    coefficients = torch.zeros(n, 1, len(monomials(1, 3)))
    coefficients[:, 0, 1] = -torch.tensor(rates)
    coefficients[:, 0, 0] = torch.tensor(rates) * torch.tensor(centres)
    start = Start(torch.tensor(centres)[:, None], torch.zeros(n, 1), torch.zeros(n, dtype=torch.bool))
    return PolynomialField(start, coefficients)


def constant(sizes):
    coefficients = torch.zeros(len(sizes), 1, len(monomials(1, 2)))
    coefficients[:, 0, 0] = torch.tensor(sizes) ** 2
    return Diffusion(coefficients)


@pytest.mark.parametrize("substeps", [1, 4])
def test_an_ornstein_uhlenbeck_process_has_its_moments(substeps):
    drift, diffusion = linear([1.5, 0.5], [2.0, -1.0]), constant([0.8, 1.2])
    step = torch.tensor([0.05, 0.05])
    start = torch.tensor([[[3.0]], [[0.0]]]).expand(2, 4000, 1)
    states = euler_maruyama(drift, diffusion, start, step, 41, substeps, generator())
    h, rate = 0.05 / substeps, np.array([1.5, 0.5])
    # Exact moments of the Euler-Maruyama chain itself, so that only chance remains.
    decay = (1 - rate * h) ** (40 * substeps)
    mean = np.array([2.0, -1.0]) + decay * np.array([1.0, 1.0])
    variance = np.array([0.8, 1.2]) ** 2 * h * (1 - decay**2) / (1 - (1 - rate * h) ** 2)
    last = states[:, :, -1, 0].double().numpy()
    error = np.sqrt(variance / 4000)
    assert (np.abs(last.mean(axis=1) - mean) < 4 * error).all()
    assert (np.abs(last.var(axis=1) / variance - 1) < 4 * np.sqrt(2 / 4000)).all()


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_every_kind_of_diffusion_is_finite_and_not_negative(kind, dim):
    start = FAMILIES["damped"].sample(50, dim, generator()).start
    diffusion = sample_diffusion({kind: 1.0}, start, generator(1))
    values = diffusion(3 * torch.randn(50, 20, dim, generator=generator(2)))
    assert values.isfinite().all()
    assert (values >= 0).all()
    assert (values > 0).any()


def test_kinds_of_diffusion_are_what_their_names_say():
    start = FAMILIES["damped"].sample(200, 2, generator()).start
    x = 2 * torch.randn(200, 50, 2, generator=generator(3))
    flat = sample_diffusion({"constant": 1.0}, start, generator(1))(x)
    torch.testing.assert_close(flat, flat[:, :1].expand_as(flat))
    vanishing = sample_diffusion({"semicircle": 1.0}, start, generator(1))(50 * x.sign())
    assert (vanishing == 0).all()
    growing = sample_diffusion({"growing": 1.0}, start, generator(1))
    assert (growing(100 * x) >= growing(0.0 * x) - 1e-3).float().mean() > 0.95


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_kept_systems_stay_in_bounds_and_last_as_asked(dim):
    simulator = SDESimulator(Mixture({"linear": 0.5, "potential": 0.5}), DIFFUSIONS["mixture"])
    regime = Regime(paths=2, points=200, substeps=2, weight=1.0, duration=(5.0, 20.0))
    recordings = simulator.draw(120, dim, regime, generator())
    assert sum(map(len, recordings)) == simulator.counts["kept"] > 30
    for batch in recordings:
        assert batch.states.isfinite().all()
        assert (batch.states.abs() < simulator.bound).all()
        duration = batch.speed * batch.step * 199
        assert 2.0 < float(duration.median()) < 50.0


def test_targets_are_the_systems_own_in_normalised_units():
    rates, sizes = [0.5, 1.0, 2.0, 4.0], [0.3, 0.6, 0.9, 1.2]
    drift, diffusion = linear(rates, [0.0, 5.0, -3.0, 1.0]), constant(sizes)
    step = torch.full((4,), 0.02)
    states = euler_maruyama(drift, diffusion, drift.initial_states(2, generator()), step, 400, 2, generator())
    recordings = Recordings(drift, diffusion, states, step, torch.ones(4))
    quiet = Noise(clean=1.0, irregular=0.0)
    examples = observe(recordings, Observation(1, 300, 1.0, 1), 60, 30, quiet, MICRO.network, generator(5))
    # In normalised units the drift is linear in the query with the ratio of rate and speed as its slope.
    z, f = examples.queries[..., 0], examples.drift[..., 0]
    slope = (z - z.mean(1, keepdim=True)).mul(f).sum(1) / (z - z.mean(1, keepdim=True)).square().sum(1)
    intercept = f - slope[:, None] * z
    assert intercept.std(1).max() < 1e-3
    tokens = examples.tokens.states[..., 0]
    own = intercept.mean(1, keepdim=True) + slope[:, None] * tokens
    torch.testing.assert_close(examples.token_drift[..., 0], own, atol=2e-3, rtol=2e-3)
    # g^2 / (std^2 speed), with rate / speed = -slope, leaves size^2 / (rate std^2), one of four values per system.
    assert examples.diffusion[..., 0].std(1).max() < 1e-5
    assert (examples.drift[..., 1:] == 0).all()
    assert (examples.noise == 0).all()
    assert (examples.points == 300).all()


def test_noise_and_gaps_are_as_asked():
    drift, diffusion = linear([1.0] * 3, [0.0] * 3), constant([0.5] * 3)
    step = torch.full((3,), 0.01)
    states = euler_maruyama(drift, diffusion, drift.initial_states(2, generator()), step, 300, 1, generator())
    recordings = Recordings(drift, diffusion, states, step, torch.ones(3))
    loud = Noise(clean=0.0, level=0.2, irregular=1.0, survival=0.5)
    examples = observe(recordings, Observation(2, 100, 1.0), 40, 9, loud, MICRO.network, generator(1))
    assert 0 < float(examples.noise.max()) <= 0.2
    assert 100 <= int(examples.points.min()) < int(examples.points.max()) <= 200
    assert examples.tokens.features.isfinite().all()


def test_a_pool_groups_examples_by_their_tokens():
    simulator = SDESimulator(Mixture({"linear": 1.0}), DIFFUSIONS["mixture"])
    recordings = simulator.draw(60, 1, MICRO.regimes[0], generator())
    ways = (Observation(1, 40, 0.5), Observation(1, 6, 0.5))
    pool = ExamplePool.of(recordings, ways, 3.0, 9, Noise(irregular=0.0), MICRO.network, generator(1))
    assert sorted(pool.groups) == [8, 16]
    sizes = {len(pool.batch({1: 7, 16: 4}, generator(seed))) for seed in range(10)}
    assert sizes == {7, 4}


def test_an_interrupted_run_continues_and_its_export_fits(tmp_path, monkeypatch):
    monkeypatch.setattr(FIMSDETask, "validate", lambda self: {"prior/mean": 1.0})
    clock = {"clock": StepClock(1.0)}
    assert train(MICRO, tmp_path / "straight", 9 / 60, **clock) == "finished"
    assert train(MICRO, tmp_path / "cut", 9 / 60, session_minutes=4 / 60, **clock) == "interrupted"
    assert train(MICRO, tmp_path / "cut", 9 / 60, resume=True, **clock) == "finished"
    straight, cut = (load_checkpoint(tmp_path / name / "checkpoints") for name in ("straight", "cut"))
    assert all(torch.equal(tensor, cut.tensors[name]) for name, tensor in straight.tensors.items())
    walk = np.cumsum(np.random.default_rng(0).normal(size=(80, 2)), axis=0)
    fitted = FIMSDERegressor(model=tmp_path / "cut/export", device="cpu").fit(walk)
    assert (fitted.diffusion(walk[:5]) >= 0).all()
    card = (tmp_path / "cut/export/MODEL_CARD.md").read_text()
    assert "stochastic systems" in card


def test_training_lowers_the_loss(tmp_path, monkeypatch):
    monkeypatch.setattr(FIMSDETask, "validate", lambda self: {"prior/mean": 1.0})
    train(dataclasses.replace(MICRO, steps_per_pool=40), tmp_path / "run", 200 / 60, clock=StepClock(1.0))
    rows = [row["loss"] for row in read_metrics(tmp_path / "run/metrics.jsonl") if row["kind"] == "train"]
    assert np.mean(rows[-5:]) < np.mean(rows[:5]) - 0.3


def test_the_frozen_suite_is_the_same_each_time(monkeypatch):
    monkeypatch.setattr(validation, "_REGIME", dataclasses.replace(validation._REGIME, substeps=1))
    network = FIMSDETask(MICRO, 0, CPU).module.network
    first, second = (SDEValidationSuite(12, MICRO.network, CPU).errors(network) for _ in range(2))
    assert first == second
    assert {"prior/mean", "prior/drift_context_clean", "prior/3d/diffusion_box_short"} <= first.keys()
    assert all(0 < value < 100 for value in first.values())


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_describes_itself_as_json_gives_it_back(name):
    described = FIMSDETask(PRESETS[name], 0, CPU).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["parameters"] > 1000

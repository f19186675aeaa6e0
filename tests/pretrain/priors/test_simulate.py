import math
from dataclasses import dataclass, replace

import pytest
import torch

from pretrain.priors import FAMILIES, PRIORS, Mixture
from pretrain.priors.base import BatchedField, Start
from pretrain.priors.classics import CLASSICS
from pretrain.priors.integrate import Integrator, rk4_step
from pretrain.priors.simulate import SimulationConfig, Simulator

QUICK = SimulationConfig(points=60, substeps=2, box_points=16)


@dataclass(frozen=True)
class Rotation(BatchedField):
    """A harmonic oscillation with angular frequency ``speed``, (S,)."""

    speed: torch.Tensor

    def rates(self, x):
        return self.speed[:, None] * x[1], -self.speed[:, None] * x[0]


def rotation(*speeds, dtype=torch.float32):
    n = len(speeds)
    start = Start(torch.ones(n, 2, dtype=dtype), torch.zeros(n, 2, dtype=dtype), torch.zeros(n, dtype=torch.bool))
    return Rotation(start, torch.tensor(speeds, dtype=dtype))


def test_integrator_follows_rotations():
    field = rotation(1.0, 2.0, 0.3, dtype=torch.float64)
    start = torch.tensor([1.0, 0.0], dtype=torch.float64).expand(3, 4, 2)
    horizon = torch.tensor([5.0, 3.0, 9.0], dtype=torch.float64)
    states, indicator = Integrator("rk4", 4)(field, start, horizon, 50)
    angle = torch.linspace(0, 1, 50, dtype=torch.float64) * (horizon * field.speed)[:, None]
    assert states.shape == (3, 4, 50, 2)
    torch.testing.assert_close(states[:, 0, :, 0], angle.cos(), atol=1e-6, rtol=0)
    torch.testing.assert_close(states[:, 3, :, 1], -angle.sin(), atol=1e-6, rtol=0)
    step = (horizon * field.speed / (49 * 4))[:, None]
    torch.testing.assert_close(indicator, (step**3 / 4).expand(3, 4), rtol=0.3, atol=0)


def test_rk4_is_of_fourth_order():
    field = rotation(1.0, dtype=torch.float64)
    start = torch.tensor([1.0, 0.0], dtype=torch.float64).expand(1, 1, 2)
    horizon = torch.tensor([4.0], dtype=torch.float64)
    end = torch.tensor([math.cos(4.0), -math.sin(4.0)], dtype=torch.float64)
    errors = []
    for substeps in (2, 4):
        states, _ = Integrator("rk4", substeps)(field, start, horizon, 11)
        errors.append((states[0, 0, -1] - end).norm().item())
    assert 12 < errors[0] / errors[1] < 20


def test_euler_is_of_first_order():
    field = rotation(1.0, dtype=torch.float64)
    start = torch.tensor([1.0, 0.0], dtype=torch.float64).expand(1, 1, 2)
    errors = []
    for substeps in (20, 40):
        states, _ = Integrator("euler", substeps)(field, start, torch.tensor([1.0], dtype=torch.float64), 11)
        errors.append((states[0, 0, -1, 0] - math.cos(1.0)).abs().item())
    assert 1.8 < errors[0] / errors[1] < 2.3


def test_buffers_are_reused_without_mixing_systems():
    integrate = Integrator("rk4", 1)
    start = torch.tensor([1.0, 0.0]).expand(2, 1, 2)
    horizon = torch.tensor([1.0, 2.0])
    first, _ = integrate(rotation(1.0, 2.0), start, horizon, 20)
    kept = first.clone()
    second, _ = integrate(rotation(3.0, 0.5), start, horizon, 20)
    fresh, _ = Integrator("rk4", 1)(rotation(3.0, 0.5), start, horizon, 20)
    assert torch.equal(first, kept)
    assert torch.equal(second, fresh)
    # Two textbook systems have the same class and shapes, but not the same formula.
    one = integrate(CLASSICS["van_der_pol"].field("van_der_pol", 2), start, horizon, 20)[0]
    other = integrate(CLASSICS["pendulum"].field("pendulum", 2), start, horizon, 20)[0]
    assert not torch.allclose(one, other)


def test_a_compiler_that_fails_is_replaced_by_the_eager_step(monkeypatch, capsys):
    def broken(function, **_):
        def step(*_):
            raise RuntimeError("no compiler here")

        return step

    monkeypatch.setattr(torch, "compile", broken)
    start = torch.tensor([1.0, 0.0]).expand(1, 2, 2)
    horizon = torch.tensor([2.0])
    compiled, _ = Integrator("rk4", 2, compiled=True)(rotation(1.0), start, horizon, 12)
    assert "no compiler here" in capsys.readouterr().err
    eager, _ = Integrator("rk4", 2)(rotation(1.0), start, horizon, 12)
    assert torch.equal(compiled, eager)


@pytest.mark.parametrize("family", ["polynomial", "units", "hill"])
def test_a_compiler_sees_one_graph_in_a_step(monkeypatch, family):
    compilers = []

    def whole(function, dynamic):
        assert dynamic is False
        # Tracing alone: generating code takes minutes. A break in the graph would be an error.
        compilers.append(function)
        return original(function, dynamic=False, fullgraph=True, backend="eager")

    original = torch.compile
    monkeypatch.setattr(torch, "compile", whole)
    field = FAMILIES[family].sample(5, 2, torch.Generator().manual_seed(0))
    start = field.initial_states(3, torch.Generator().manual_seed(1))
    horizon = torch.full((5,), 0.5)
    compiled, indicator = Integrator("rk4", 2, compiled=True)(field, start, horizon, 6)
    expected = Integrator("rk4", 2)(field, start, horizon, 6)
    assert len(compilers) == 1
    assert compilers[0].__code__ is not rk4_step.__code__  # variants of one kind do not use up another's
    torch.testing.assert_close((compiled, indicator), expected, equal_nan=True)


def test_an_eager_failure_is_not_hidden():
    with pytest.raises(IndexError):
        Integrator("rk4", 1)(rotation(1.0), torch.zeros(1, 1, 1), torch.tensor([1.0]), 5)


@pytest.fixture(scope="module")
def systems():
    simulator = Simulator(Mixture(PRIORS["mixture"]), QUICK)
    return {dim: simulator.draw(200, dim, torch.Generator().manual_seed(dim)) for dim in (1, 2)}, simulator.counts


@pytest.mark.parametrize("dim", [1, 2])
def test_systems_keep_their_promises(systems, dim):
    pool = systems[0][dim]
    assert len(pool) > 10
    assert pool.states.shape[1:] == (8, 60, dim)
    assert all(getattr(pool, name).isfinite().all() for name in ("states", "fields", "box", "box_fields", "horizon"))
    assert pool.states.abs().max() <= QUICK.bound
    assert pool.valid.any(-1).all()
    assert (pool.states[~pool.valid] == 0).all()
    assert (pool.duration > 0.2).all()
    low, high = pool.states[0][pool.valid[0]].amin((0, 1)), pool.states[0][pool.valid[0]].amax((0, 1))
    margin = 0.2 * (high - low)
    assert (pool.box[0] >= low - margin - 1e-4).all()
    assert (pool.box[0] <= high + margin + 1e-4).all()


def test_recorded_fields_are_slopes_of_the_paths(systems):
    pool = systems[0][2]
    step = pool.horizon[:, None, None, None] / 59
    central = (pool.states[:, :, 2:] - pool.states[:, :, :-2]) / (2 * step)
    error = (central - pool.fields[:, :, 1:-1]).abs().mean((1, 2, 3)) / pool.fields.abs().mean((1, 2, 3))
    assert error.median() < 0.02


def test_counts_tell_what_was_drawn_and_kept(systems):
    pools, counts = systems
    assert counts["drawn"] == 400
    assert counts["kept"] == sum(map(len, pools.values()))


def test_durations_spread_over_the_target(systems):
    durations = systems[0][2].duration
    assert torch.quantile(durations, 0.9) > 12
    assert torch.quantile(durations, 0.5) > 3


def test_simulation_is_a_function_of_the_seed():
    def draw(seed):
        simulator = Simulator(Mixture({"oscillator": 1.0}), QUICK)
        return simulator.draw(24, 2, torch.Generator().manual_seed(seed))

    assert torch.equal(draw(3).states, draw(3).states)
    assert not torch.equal(draw(3).states[:2], draw(4).states[:2])


def test_exactly_as_many_systems_as_asked():
    simulator = Simulator(Mixture({"oscillator": 1.0}), QUICK)
    assert len(simulator.draw_exactly(7, 2, torch.Generator().manual_seed(0))) == 7


def test_a_hopeless_prior_is_an_error(monkeypatch):
    simulator = Simulator(Mixture({"polynomial": 1.0}), replace(QUICK, points=3, bound=1e-9))
    monkeypatch.setattr("pretrain.priors.simulate._DRAWS", 2)
    with pytest.raises(RuntimeError, match="dimension 1"):
        simulator.draw_exactly(5, 1, torch.Generator().manual_seed(0))


def test_paths_that_diverge_are_marked():
    # x' = x^3 blows up in finite time from |x| > 0 and is kept, if at all, by its slow paths.
    family = FAMILIES["polynomial"]
    field = family.sample(40, 1, torch.Generator().manual_seed(0))
    field.coefficients.zero_()
    field.coefficients[:, 0, 3] = 1.0
    config = replace(QUICK, duration=None, horizon=(1.0, 1.0), max_step=float("inf"))
    systems, kept = Simulator(Mixture({"polynomial": 1.0}), config).simulate(
        field, torch.Generator().manual_seed(1), torch.zeros(40, dtype=torch.int64)
    )
    assert 0 < len(kept) < 40
    first = systems.states[:, :, 0, 0]
    assert (first[systems.valid].abs() < 1 / math.sqrt(2)).all()
    assert not systems.valid.all()

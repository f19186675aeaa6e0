import micro
import torch
from linear_sde import constant, linear

from pretrain.priors import Mixture
from pretrain.priors.diffusion import DIFFUSIONS
from pretrain.priors.simulate_sde import Recordings, SDESimulator, euler_maruyama
from pretrain.sde.batches import ExamplePool, observe
from pretrain.sde.corruption import Noise, Observation


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_targets_are_the_systems_own_in_normalised_units():
    rates, sizes = [0.5, 1.0, 2.0, 4.0], [0.3, 0.6, 0.9, 1.2]
    drift, diffusion = linear(rates, [0.0, 5.0, -3.0, 1.0]), constant(sizes)
    step = torch.full((4,), 0.02)
    states = euler_maruyama(drift, diffusion, drift.initial_states(2, generator()), step, 400, 2, generator())
    recordings = Recordings(drift, diffusion, states, step, torch.ones(4))
    quiet = Noise(clean=1.0, irregular=0.0)
    examples = observe(recordings, Observation(1, 300, 1.0, 1), 60, 30, quiet, micro.SDE.network, generator(5))
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
    examples = observe(recordings, Observation(2, 100, 1.0), 40, 9, loud, micro.SDE.network, generator())
    assert 0 < float(examples.noise.max()) <= 0.2
    assert 100 <= int(examples.points.min()) < int(examples.points.max()) <= 200
    assert examples.tokens.features.isfinite().all()


def test_a_pool_groups_examples_by_their_tokens():
    simulator = SDESimulator(Mixture({"linear": 1.0}), DIFFUSIONS["mixture"])
    recordings = simulator.draw(60, 1, micro.SDE.regimes[0], generator())
    ways = (Observation(1, 40, 0.5), Observation(1, 6, 0.5))
    pool = ExamplePool.of(recordings, ways, 3.0, 9, Noise(irregular=0.0), micro.SDE.network, generator(1))
    assert sorted(pool.groups) == [8, 16]
    sizes = {len(pool.batch({1: 7, 16: 4}, generator(seed))) for seed in range(10)}
    assert sizes == {7, 4}

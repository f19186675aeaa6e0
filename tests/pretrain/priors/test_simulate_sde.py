import numpy as np
import pytest
import torch
from linear_sde import constant, linear

from pretrain.priors import Mixture
from pretrain.priors.diffusion import DIFFUSIONS
from pretrain.priors.simulate_sde import Regime, SDESimulator, euler_maruyama


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


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

"""Roll-outs that can be differentiated, and data in normalised units."""

import numpy as np
import pytest
import torch

from skdyn import Trajectories
from skdyn.adaptation.rollouts import ShootingData, interpolate, roll_out
from skdyn.datasets import make_trajectories
from skdyn.models.inference import Engine
from skdyn.models.weights import load_model


def test_roll_outs_are_exact_to_fourth_order():
    matrix = torch.tensor([[-0.1, 1.0], [-1.0, -0.1]])

    def field(u):
        return u @ matrix.T

    start = torch.tensor([[[1.0, 0.0], [0.5, -1.0], [0.0, 2.0]]])
    at = torch.tensor([0.0, 0.31, 1.7, 3.2]).expand(1, 3, 4)
    exact = torch.stack([torch.linalg.matrix_exp(matrix * time) @ start[0].T for time in at[0, 0]]).permute(2, 0, 1)
    errors = []
    for step, count in ((0.4, 8), (0.2, 16)):
        path, slopes = roll_out(field, start, step, count)
        assert path.shape == slopes.shape == (1, 3, count + 1, 2)
        errors.append(float((interpolate(path, slopes, step, at)[0] - exact).abs().max()))
    assert errors[0] < 2e-3
    assert errors[1] < errors[0] / 8


def test_roll_outs_can_be_differentiated():
    rate = torch.tensor(-0.5, requires_grad=True)
    start = torch.ones(1, 1, 1, requires_grad=True)
    path, slopes = roll_out(lambda u: rate * u, start, 0.1, 10)
    interpolate(path, slopes, 0.1, torch.ones(1, 1, 1)).sum().backward()
    assert float(rate.grad) == pytest.approx(np.exp(-0.5), rel=1e-5)
    assert float(start.grad) == pytest.approx(np.exp(-0.5), rel=1e-5)


def test_the_noise_is_estimated(dummy_folder):
    ((t, truth),) = make_trajectories("van_der_pol", [-1.5, 2.5], np.linspace(0, 7, 200))
    rngs = [np.random.default_rng(seed) for seed in range(3)]
    trajectories = Trajectories([(t, truth + rng.normal(size=truth.shape) * 0.05**0.5) for rng in rngs])
    data = ShootingData(trajectories, Engine(load_model(dummy_folder), "cpu"))
    np.testing.assert_allclose(data.noise * data.scaling.std[0], 0.05**0.5, rtol=0.15)
    truth = (truth - data.scaling.mean[0]) / data.scaling.std[0]
    smoothed, raw = (float(np.abs(part[0].numpy() - truth).mean()) for part in (data.smooth(data.mask), data.observed))
    assert smoothed < 0.5 * raw

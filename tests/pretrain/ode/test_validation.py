import micro
import numpy as np
import pytest
import torch

from pretrain.ode.validation import ValidationSuite
from pretrain.priors.simulate import SimulationConfig
from skdyn.nn.arbitrated import ArbitratedFIMODE


class Silent:
    """Says that nothing moves."""

    def encode_with_fits(self, tokens, origin):
        assert origin.shape == tokens.dim_mask.shape
        return tokens

    def encode_driven(self, states, times, mask, origin, outside):
        assert origin.shape[-1] == states.shape[-1]
        assert len(outside.values) == len(states)
        return states

    def decode(self, context, queries):
        return torch.zeros_like(queries), torch.zeros_like(queries)


def test_a_brief_suite_has_the_prior_and_the_textbook_systems_of_the_whole_one(monkeypatch):
    monkeypatch.setattr("pretrain.ode.validation._SIMULATION", SimulationConfig(substeps=1, duration=None))
    suite = ValidationSuite(6, micro.ODE.network, torch.device("cpu"), brief=True)
    assert {name.split("/")[0] for name in suite.errors(Silent())} == {"prior", "classics"}


def test_the_frozen_suite(monkeypatch):
    monkeypatch.setattr("pretrain.ode.validation._SIMULATION", SimulationConfig(substeps=1, duration=None))
    suite = ValidationSuite(6, micro.ODE.network, torch.device("cpu"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ArbitratedFIMODE(micro.ODE.network)
    errors = suite.errors(network)
    assert all(np.isfinite(value) and value > 0 for value in errors.values())
    for name in ("prior/context_clean", "prior/3d/box_noisy", "prior/8_paths/others_clean", "prior/mean",
                 "short/context_noisy", "wide/others_clean", "wide/box_noisy"):  # fmt: skip
        assert name in errors
    assert not any(name.startswith(("short", "wide")) and name.count("/") > 1 for name in errors)
    assert "short/context_clean" not in errors
    classics = {name.split("/")[1] for name in errors if name.startswith("classics/")}
    assert classics == {"van_der_pol", "fitzhugh_nagumo", "pendulum", "roessler", "selkov"}
    assert all(value == pytest.approx(1.0) for value in suite.errors(Silent()).values())

import micro
import numpy as np
import pytest
import torch

from pretrain.ode.validation import ValidationSuite
from pretrain.priors.simulate import SimulationConfig
from skdyn.nn.fim_ode import FIMODE


class Silent:
    """Says that nothing moves."""

    def encode_tokens(self, tokens):
        return tokens

    def decode(self, context, queries):
        return torch.zeros_like(queries), torch.zeros_like(queries)


def test_the_frozen_suite(monkeypatch):
    monkeypatch.setattr("pretrain.ode.validation._SIMULATION", SimulationConfig(substeps=1, duration=None))
    suite = ValidationSuite(6, micro.ODE.network, torch.device("cpu"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = FIMODE(micro.ODE.network)
    errors = suite.errors(network)
    assert all(np.isfinite(value) and value > 0 for value in errors.values())
    for name in ("prior/context_clean", "prior/3d/box_noisy", "prior/8_paths/others_clean", "prior/mean"):
        assert name in errors
    classics = {name.split("/")[1] for name in errors if name.startswith("classics/")}
    assert classics == {"van_der_pol", "fitzhugh_nagumo", "pendulum", "roessler", "selkov"}
    assert all(value == pytest.approx(1.0) for value in suite.errors(Silent()).values())

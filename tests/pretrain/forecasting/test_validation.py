import micro
import numpy as np
import pytest
import torch

from pretrain.forecasting.objective import LASSODEObjective
from pretrain.forecasting.validation import ForecastSuite

CPU = torch.device("cpu")


def test_the_frozen_suite():
    suite, again = ForecastSuite(2, CPU), ForecastSuite(2, CPU)
    network = LASSODEObjective(micro.FORECAST.network).network.train()
    errors = suite.errors(network)
    assert errors == again.errors(network)  # the mean of the latent state, not a draw
    assert network.training
    assert errors["unseen/mean"] == pytest.approx(np.mean([v for k, v in errors.items() if k != "unseen/mean"]))
    assert all(0 < error < 100 for error in errors.values())

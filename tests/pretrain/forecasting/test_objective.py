import micro
import numpy as np
import pytest

from pretrain.forecasting.batches import PrefixShape, make_forecast_batch
from pretrain.forecasting.corruption import ObservationConfig
from pretrain.forecasting.objective import LASSODEObjective


def test_the_loss_of_a_perfect_forecast_is_that_of_its_spread(library):
    batch = make_forecast_batch(library, 2, PrefixShape(30, 8, 1.0), ObservationConfig(), np.random.default_rng(2))
    objective = LASSODEObjective(micro.FORECAST.network)
    objective.network.decode = lambda encoded, times: batch.targets[..., None].expand(*batch.targets.shape, 9)
    _, sums = objective(batch)
    assert sums["forecast_loss"][0] == 0
    assert sums["error/unseen"][0] == 0
    objective.network.decode = lambda encoded, times: (
        batch.targets[..., None] + (batch.scale[..., None, None] * 0.5).expand(-1, -1, 60, 9)
    )
    _, sums = objective(batch)
    assert float(sums["error/unseen"][0] / sums["error/unseen"][1]) == pytest.approx(0.25, rel=1e-4)

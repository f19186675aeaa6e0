import micro
import numpy as np
import pytest

from pretrain.priors.library import GRID
from skdyn.datasets.families import FAMILIES


@pytest.fixture(autouse=True)
def _few_families(monkeypatch):
    monkeypatch.setattr("pretrain.priors.library.IN_DOMAIN", micro.FEW)
    monkeypatch.setattr("pretrain.forecasting.validation.IN_DOMAIN", micro.FEW)


@pytest.fixture(scope="package")
def library():
    rng = np.random.default_rng(0)
    recordings = {name: FAMILIES[name].simulate(5, rng, GRID)[1].astype(np.float32) for name in micro.FEW}
    return {1: recordings["logistic"], 2: recordings["hopf"], 5: recordings["wake_mono"]}

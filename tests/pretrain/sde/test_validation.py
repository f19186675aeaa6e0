import dataclasses

import micro
import torch

from pretrain.sde import validation
from pretrain.sde.task import FIMSDETask
from pretrain.sde.validation import SDEValidationSuite

CPU = torch.device("cpu")


def test_the_frozen_suite_is_the_same_each_time(monkeypatch):
    # Paths of a quarter of the length; everything else is the suite's own.
    regime = dataclasses.replace(validation._REGIME, substeps=1, points=validation._REGIME.points // 4)
    ways = tuple((name, dataclasses.replace(o, points=o.points // 4), noise) for name, o, noise in validation._WAYS)
    monkeypatch.setattr(validation, "_REGIME", regime)
    monkeypatch.setattr(validation, "_WAYS", ways)
    network = FIMSDETask(micro.SDE, 0, CPU).module.network
    first, second = (SDEValidationSuite(12, micro.SDE.network, CPU).errors(network) for _ in range(2))
    assert first == second
    assert {"prior/mean", "prior/drift_context_clean", "prior/3d/diffusion_box_short"} <= first.keys()
    assert all(0 < value < 100 for value in first.values())

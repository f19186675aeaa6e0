import numpy as np
import pytest

from pretrain.priors import FAMILIES
from pretrain.priors.measure import accuracy, main
from pretrain.priors.simulate import SimulationConfig


@pytest.mark.parametrize(("family", "dim"), [("units", 1), ("oscillator", 2), ("chaotic", 3)])
def test_accuracy_against_scipy(family, dim):
    errors = accuracy(family, dim, 3, 5, SimulationConfig(points=100))
    assert len(errors) == 3
    assert errors[:, 0].max() < 5e-3
    assert np.median(errors[:, 0]) < 1e-3


def test_accuracy_table_names_every_family(monkeypatch, capsys):
    monkeypatch.setattr("pretrain.priors.measure.accuracy", lambda *_: np.array([[1e-5, 2e-5]]))
    main(["--systems", "1"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in FAMILIES)

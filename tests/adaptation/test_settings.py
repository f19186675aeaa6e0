"""Settings are checked when they are made."""

import dataclasses
import json

import numpy as np
import pytest

from skdyn.adaptation import CutSettings, LikelihoodSettings, ShootingSettings


@pytest.mark.parametrize(
    ("settings", "wrong", "message"),
    [
        (ShootingSettings, {"rank": 0}, "rank must be a positive integer, got 0"),
        (ShootingSettings, {"contexts": 1.5}, "contexts must be a positive integer, got 1.5"),
        (ShootingSettings, {"horizon": float("inf")}, "horizon must be positive and finite, got inf"),
        (ShootingSettings, {"prior": -0.1}, "prior must be finite and at least 0, got -0.1"),
        (ShootingSettings, {"share": 1.5}, "share must be a number above 0 and at most 1, got 1.5"),
        (LikelihoodSettings, {"average": -0.1}, "average must be a number from 0 to 1, got -0.1"),
        (LikelihoodSettings, {"seed": -1}, "seed must be an integer of at least 0, got -1"),
        (LikelihoodSettings, {"steps": True}, "steps must be a positive integer, got True"),
        (CutSettings, {"epochs": 2.5}, "epochs must be a positive integer, got 2.5"),
        (CutSettings, {"lr": float("nan")}, "lr must be positive and finite, got nan"),
    ],
)
def test_wrong_settings_are_named(settings, wrong, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        settings(**wrong)


@pytest.mark.parametrize("settings", [ShootingSettings, LikelihoodSettings, CutSettings])
def test_settings_cannot_be_changed(settings):
    chosen = settings(rank=3, seed=0)
    assert chosen.rank == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        chosen.rank = 4


@pytest.mark.parametrize("settings", [ShootingSettings, LikelihoodSettings, CutSettings])
def test_numbers_are_held_as_json_holds_them(settings):
    given = {field.name: np.array(field.default)[()] for field in dataclasses.fields(settings)}
    chosen = settings(**given)
    assert chosen == settings()
    assert json.loads(json.dumps(dataclasses.asdict(chosen))) == dataclasses.asdict(chosen)
    assert type(settings(rank=np.int32(2)).rank) is int


def test_weights_of_losses_may_be_zero():
    assert ShootingSettings(prior=0.0, continuity=0, average=0.0).prior == 0
    assert CutSettings(rank=3).alpha == 6.0

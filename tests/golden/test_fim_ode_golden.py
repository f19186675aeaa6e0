"""The network, with its first weights, gives the numbers of the reference implementation, step by step."""

from pathlib import Path

import numpy as np
import pytest
import torch

from skdyn import FIMODERegressor
from skdyn.models.normalization import fim_ode_scaling
from skdyn.models.weights import load_model

GOLDEN = Path(__file__).parent / "fim_ode_v1_small.npz"
WEIGHTS = Path(__file__).parent / "fim-ode-v1-small"
TOLERANCE = 1e-4

with np.load(GOLDEN) as archive:
    CASES = {
        case: {key.split("/")[1]: archive[key] for key in archive.files if key.startswith(case + "/")}
        for case in sorted({key.split("/")[0] for key in archive.files})
    }


def assert_agrees(value, reference, tolerance=TOLERANCE):
    assert value.shape == reference.shape
    assert np.abs(value - reference).max() <= tolerance * np.abs(reference).max()


@pytest.fixture(params=sorted(CASES))
def case(request):
    return CASES[request.param]


def contexts(case):
    states, times = case["states"].astype(np.float64), case["times"].astype(np.float64)
    return states, times, np.ones(times.shape, dtype=bool)


def test_the_file_holds_every_dimension():
    assert {case["states"].shape[-1] for case in CASES.values()} >= {1, 2, 3}


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_scaling(case, library):
    arrays = contexts(case)
    if library == "torch":
        arrays = tuple(map(torch.from_numpy, arrays))
    scaling = fim_ode_scaling(*arrays)
    for name in ("mean", "std", "speed"):
        assert_agrees(np.asarray(getattr(scaling, name)), case[name], 1e-6)


def test_network(case):
    states, times, mask = contexts(case)
    dim = states.shape[-1]
    network = load_model(WEIGHTS).network
    scaling = fim_ode_scaling(states, times, mask)

    def pad(values):
        return torch.from_numpy(np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, 3 - dim)]))

    dim_mask = torch.zeros(len(states), 3)
    dim_mask[:, :dim] = 1
    with torch.inference_mode():
        context = network.encode(
            pad(scaling.normalise(states)),
            torch.from_numpy(scaling.normalise_times(times)),
            torch.from_numpy(mask),
            dim_mask,
        )
        queries = pad(scaling.normalise(case["queries"].astype(np.float64))).float()
        field, log_scale = (part[..., :dim].numpy() for part in network.decode(context, queries))
    assert_agrees(context.velocity.numpy()[..., :dim].reshape(case["token_velocity"].shape), case["token_velocity"])
    assert_agrees(context.state.numpy()[..., :dim].reshape(case["token_state"].shape), case["token_state"])
    assert_agrees(field, case["field_normalised"])
    assert_agrees(log_scale, case["log_scale_normalised"])
    assert_agrees(scaling.field(field), case["field"])


def test_estimator(case):
    states, times, _ = contexts(case)
    for b in range(len(states)):
        est = FIMODERegressor(WEIGHTS, device="cpu").fit(list(zip(times[b], states[b], strict=True)))
        queries = case["queries"][b].astype(np.float64)
        field, scale = est.vector_field(queries, return_std=True)
        assert_agrees(field, case["field"][b])
        unit = case["std"][b] * case["speed"][b]
        assert_agrees(np.log(scale / unit), case["log_scale_normalised"][b])

"""What FIM-ODE and FIM-SDE share: mixtures, masks, local linear models."""

import pytest
import torch

from skdyn.nn.fim_ode import FIMODE, FIMODEConfig
from skdyn.nn.in_context import InContextField, fourier, mixture, visible

CONFIG = FIMODEConfig(
    model_type="fim-ode",
    format_version=1,
    max_dim=2,
    width=16,
    heads=2,
    encoder_layers=2,
    decoder_layers=1,
    feedforward=24,
    local_width=8,
    fourier_octaves=2,
    rope_min_wavelength=0.1,
    rope_max_wavelength=10.0,
    slope_lags=(1, 4),
    slope_clip=50.0,
    feature_clip=5.0,
    scale_clip=6.0,
)


def test_features_of_states_are_themselves_their_sines_and_cosines():
    z = torch.tensor([[0.5, -1.0]], dtype=torch.float64)
    angles = torch.tensor([[0.5, 1.0, -1.0, -2.0]], dtype=torch.float64)
    torch.testing.assert_close(fourier(z, 2), torch.cat([z, angles.sin(), angles.cos()], dim=-1))


def test_a_mixture_follows_its_logits():
    candidates = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    torch.testing.assert_close(mixture(torch.zeros(2), candidates), torch.tensor([2.0, 20.0]))
    torch.testing.assert_close(mixture(torch.tensor([0.0, 80.0]), candidates), candidates[1])


def test_rows_without_any_point_see_everything():
    mask = torch.tensor([[True, False], [False, False]])
    assert visible(mask)[:, 0, 0].tolist() == [[True, False], [True, True]]


def test_local_linear_models_are_blended_at_the_query():
    torch.manual_seed(0)
    network = FIMODE(CONFIG).double()
    queries, keys, velocity, centers, jacobian, z = (
        torch.randn(shape, dtype=torch.float64)
        for shape in ((1, 3, 8), (1, 5, 8), (1, 5, 2), (1, 5, 2), (1, 5, 2, 2), (1, 3, 2))
    )
    mask = torch.tensor([[True, True, True, True, False]])
    weights = (queries[0] @ keys[0, :4].T / 8**0.5).softmax(-1)
    offsets = z[0][:, None] - centers[0, :4]  # (N, M, D)
    each = velocity[0, :4] + torch.einsum("mde,nme->nmd", jacobian[0, :4], offsets)
    expected = torch.einsum("nm,nmd->nd", weights, each)
    blended = network._blend_linear(queries, keys, mask, velocity, jacobian, centers, z)
    torch.testing.assert_close(blended[0], expected)


def test_a_network_that_does_not_decode_is_refused():
    class Unfinished(InContextField):
        def encode(self, states, times, mask, dim_mask):
            return None

    with pytest.raises(TypeError, match="abstract"):
        Unfinished()

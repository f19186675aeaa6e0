import pytest
import torch

from skdyn.nn.forecast_arbiter import ForecastArbiter, ForecastArbiterConfig

VALUES = {
    "model_type": "forecast-arbiter",
    "format_version": 1,
    "known": 4,
    "of_forecasters": 19,
    "of_times": 11,
    "embedded": 3,
    "width": 8,
}


@pytest.fixture
def asked():
    generator = torch.Generator().manual_seed(0)
    there = torch.ones(6, 4, dtype=torch.bool)
    there[:, 2] = False
    return (
        torch.randn(6, 4, 19, generator=generator),
        torch.randn(6, 11, generator=generator),
        torch.randn(6, 4, generator=generator),
        torch.rand(6, generator=generator),
        torch.arange(1, 5).expand(6, -1),
        there,
    )


def arbiter():
    torch.manual_seed(0)
    return ForecastArbiter(ForecastArbiterConfig.from_dict(VALUES)).eval()


def test_weights_are_shares_of_those_who_answered(asked):
    median, scale, weights = arbiter()(*asked)
    torch.testing.assert_close(weights.sum(-1), torch.ones(6))
    assert (weights[:, 2] == 0).all()
    torch.testing.assert_close(median, (weights * asked[2]).sum(-1))
    assert (scale > 0).all()


def test_the_order_of_forecasters_does_not_matter(asked):
    model, order = arbiter(), torch.tensor([3, 1, 0, 2])
    expected = model(*asked)
    a, b, f, s, who, there = asked
    median, scale, weights = model(a[:, order], b, f[:, order], s, who[:, order], there[:, order])
    torch.testing.assert_close(median, expected[0])
    torch.testing.assert_close(scale, expected[1])
    torch.testing.assert_close(weights, expected[2][:, order])


def test_what_is_absent_has_no_influence(asked):
    model = arbiter()
    expected = model(*asked)
    a, b, f, s, who, there = (part.clone() for part in asked)
    a[:, 2], f[:, 2] = 7.0, 1e6
    for one, other in zip(model(a, b, f, s, who, there), expected, strict=True):
        torch.testing.assert_close(one, other)


def test_an_untrained_arbiter_follows_the_backtests(asked):
    a, *rest = asked
    a = torch.zeros_like(a)
    a[:, 1, [0, 1, 7, 8]] = -2.0  # a third of the log of an error
    _, _, weights = arbiter()(a, *rest)
    assert (weights[:, 1] > 0.9).all()


def test_a_configuration_is_read_strictly():
    with pytest.raises(ValueError, match="width"):
        ForecastArbiterConfig.from_dict(VALUES | {"width": 0})
    with pytest.raises(ValueError, match="unknown key 'depth'"):
        ForecastArbiterConfig.from_dict(VALUES | {"depth": 2})

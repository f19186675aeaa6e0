import torch
from hypothesis import given
from hypothesis import strategies as st

from skdyn.nn.fits.quadrature import quadrature, roughness


def rule(times, count=None):
    times = torch.tensor(times, dtype=torch.float64)[None, None]
    mask = torch.arange(times.shape[-1])[None, None] < (times.shape[-1] if count is None else count)
    return times, quadrature(times, mask)


def trapezoid(times, values):
    steps = (times[..., 1:] - times[..., :-1]) * (values[..., 1:] + values[..., :-1]) / 2
    return torch.nn.functional.pad(steps.cumsum(-1), (1, 0))


@given(
    steps=st.lists(st.floats(0.7, 1.4), min_size=3, max_size=20),
    coefficients=st.lists(st.floats(-2, 2), min_size=4, max_size=4),
    start=st.floats(-3, 3),
)
def test_cubics_are_integrated_exactly_on_uneven_times(steps, coefficients, start):
    times = start + torch.tensor([0.0, *steps], dtype=torch.float64).cumsum(0)
    powers = torch.arange(4)
    c = torch.tensor(coefficients, dtype=torch.float64)
    values = (c * times[:, None] ** powers).sum(-1)
    antiderivative = (c / (powers + 1) * times[:, None] ** (powers + 1)).sum(-1)
    _, rules = rule(times.tolist())
    found = rules.cumulative(values[None, None, :, None])[0, 0, :, 0]
    torch.testing.assert_close(found, antiderivative - antiderivative[0], rtol=1e-8, atol=1e-6)


def test_the_trapezoid_where_a_cubic_would_swing():
    times, rules = rule([0.0, 1.0, 1.0001, 1.0002, 5.0, 6.0, 7.0, 8.0, 9.0])
    values = (times / 2).sin()
    steps = rules.cumulative(values[..., None])[0, 0, :, 0].diff()
    plain = trapezoid(times, values)[0, 0].diff()
    torch.testing.assert_close(steps[3], plain[3])  # from three points close together to one far away
    exact = -2 * (times / 2).cos()[0, 0].diff()
    assert (steps[5:] - exact[5:]).abs().max() < 0.3 * (plain[5:] - exact[5:]).abs().max()


def test_two_and_three_points_have_the_trapezoid():
    for times in ([0.0, 0.4], [0.0, 1.0, 1.5]):
        at, rules = rule(times)
        values = at.exp()
        torch.testing.assert_close(rules.cumulative(values[..., None])[..., 0], trapezoid(at, values))


def test_padding_is_never_read():
    times = [0.0, 1.0, 2.1, 2.9, 4.0]
    _, alone = rule(times)
    _, padded = rule([*times, -7.0, 4.0], count=5)
    values = torch.randn(1, 1, 7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values[:, :, 5:] = 1e9
    expected = alone.cumulative(values[:, :, :5])
    found = padded.cumulative(values)
    torch.testing.assert_close(found[:, :, :5], expected, rtol=0, atol=0)
    assert torch.equal(found[:, :, 5:], found[:, :, 4:5].expand(-1, -1, 2, -1))


def test_ragged_trajectories_do_not_see_each_other():
    g = torch.Generator().manual_seed(1)
    times = torch.rand(2, 3, 9, dtype=torch.float64, generator=g).sort(-1).values
    values = torch.randn(2, 3, 9, 2, dtype=torch.float64, generator=g)
    mask = torch.arange(9) < torch.tensor([[9, 5, 0], [3, 2, 1]])[..., None]
    together = quadrature(times, mask).cumulative(values)
    for b in range(2):
        for k in range(3):
            count = int(mask[b, k].sum())
            if count == 0:
                assert (together[b, k] == 0).all()
                continue
            part = (slice(b, b + 1), slice(k, k + 1), slice(count))
            alone = quadrature(times[part], mask[part]).cumulative(values[part])
            torch.testing.assert_close(together[part], alone)


def rules_of(times, mask, states):
    return quadrature(times, mask, roughness(times, mask, states).smooth)


def spiral(times):
    return torch.stack([times.sin(), (1.3 * times).cos()], -1) * (-times / 9)[..., None].exp()


def uneven(points, seed=0):
    g = torch.Generator().manual_seed(seed)
    steps = 0.15 + 0.2 * torch.rand(points, dtype=torch.float64, generator=g)
    return steps.cumsum(0)[None, None]


@given(seed=st.integers(0, 99), degree=st.integers(4, 5))
def test_smooth_states_have_rules_exact_for_quintics(seed, degree):
    times = uneven(20, seed)
    mask = torch.ones_like(times, dtype=torch.bool)
    values = ((times - 2) / 3) ** degree
    exact = ((times - 2) ** (degree + 1) - (times[..., :1] - 2) ** (degree + 1)) / 3**degree / (degree + 1)
    found = rules_of(times, mask, spiral(times)).cumulative(values[..., None])[..., 0]
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-10)
    assert (quadrature(times, mask).cumulative(values[..., None])[..., 0] - exact).abs().max() > 1e-7


def test_noisy_and_kinked_states_have_the_rules_for_cubics():
    times = uneven(60)
    mask = torch.ones_like(times, dtype=torch.bool)
    g = torch.Generator().manual_seed(2)
    noisy = spiral(times) + 0.05 * torch.randn(1, 1, 60, 2, dtype=torch.float64, generator=g)
    kinked = (times % 4 - 2).abs()[..., None]
    for states in (noisy, kinked):
        rules = rules_of(times, mask, states)
        assert torch.equal(rules.weights, quadrature(times, mask).weights)
        assert torch.equal(rules.index, quadrature(times, mask).index)


def test_each_context_has_its_own_rules():
    times = uneven(40).expand(3, 1, 40)
    mask = torch.arange(40) < torch.tensor([40, 40, 8])[:, None, None]
    g = torch.Generator().manual_seed(3)
    states = spiral(times)
    states[1] += 0.1 * torch.randn(1, 40, 2, dtype=torch.float64, generator=g)
    values = states.square() * mask[..., None]
    together = rules_of(times, mask, states).cumulative(values)
    for b, smooth in enumerate((True, False, True)):
        alone = rules_of(times[b : b + 1], mask[b : b + 1], states[b : b + 1])
        assert alone.index.shape[-1] == (6 if smooth else 4)
        torch.testing.assert_close(together[b : b + 1], alone.cumulative(values[b : b + 1]))


def test_a_rule_for_quintics_gives_way_where_it_would_swing():
    times = torch.cat([uneven(12), 6 + uneven(12)], -1)  # a hole of some ten steps
    mask = torch.ones_like(times, dtype=torch.bool)
    rules = rules_of(times, mask, spiral(times))
    assert rules.index.shape[-1] == 6
    steps = times.diff(dim=-1)[..., None]
    assert ((rules.weights / steps).abs() <= 4).all()
    assert (rules.weights != 0).sum(-1)[0, 0, 11] == 2
    assert ((rules.weights != 0).sum(-1) == 6).sum() > 15

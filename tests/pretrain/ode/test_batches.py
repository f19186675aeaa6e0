import pytest
import torch

from pretrain.ode.batches import FAR_QUERY, BatchShape, Pool, QueryMix, make_batch, share
from pretrain.ode.corruption import MIXTURE_CORRUPTION, CorruptionConfig
from pretrain.ode.presets import PRESETS
from pretrain.priors.simulate import Systems
from skdyn.models.normalization import fim_ode_scaling
from skdyn.nn.fim_ode import FIMODE, make_tokens
from skdyn.nn.fits.fitting import fit_context

NETWORK = PRESETS["tiny"].network


CLEAN = CorruptionConfig(clean=1.0, window=0.0, regular=1.0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def linear_systems(n=12, dim=2, paths=8, points=40, all_valid=True):
    """Systems x' = A x, with the exact field everywhere; A differs by system, and no path is like another."""
    g = generator(5)
    matrix = -torch.eye(dim) + 0.5 * torch.randn(n, dim, dim, generator=g)
    start = torch.randn(n, paths, dim, generator=g) + 1
    horizon = torch.rand(n, generator=g) + 1
    times = torch.linspace(0, 1, points) * horizon[:, None]
    flow = torch.linalg.matrix_exp(times[..., None, None] * matrix[:, None])
    states = torch.einsum("slij,spj->spli", flow, start)
    valid = torch.ones(n, paths, dtype=torch.bool)
    if not all_valid:
        valid[:, 2:] = False
    states = torch.where(valid[:, :, None, None], states, 0.0)

    def field(x):
        return torch.einsum("sij,s...j->s...i", matrix, x)

    box = torch.rand(n, 30, dim, generator=g) * 2 - 1
    return Systems(
        states, field(states), valid, horizon, horizon, box, field(box), torch.zeros(n, dtype=torch.int64)
    ), matrix


def test_contexts_are_shared_among_dimensions():
    assert share(100, {1: 0.25, 2: 0.42, 3: 0.33}) == {1: 25, 2: 42, 3: 33}
    assert sum(share(7, {1: 0.25, 2: 0.42, 3: 0.33}).values()) == 7
    with pytest.raises(ValueError, match="cannot hold 3"):
        share(2, {1: 0.25, 2: 0.42, 3: 0.33})


@pytest.mark.parametrize("symmetries", [False, True])
@pytest.mark.parametrize("ragged", [False, True])
def test_targets_are_the_field_in_normalised_units(ragged, symmetries):
    dim = 2
    systems, matrix = linear_systems(n=1, dim=dim)
    batch = make_batch(
        {2: Pool.of(systems)},
        {2: 1.0},
        BatchShape(3, 20, 6, 1.0),
        QueryMix(60),
        CLEAN,
        NETWORK,
        generator(2),
        ragged,
        symmetries,
    )
    assert batch.queries.shape == batch.targets.shape == (6, 60, 3)
    assert (batch.queries[..., 2] == 0).all()
    assert (batch.targets[..., 2] == 0).all()
    assert torch.equal(batch.dims, torch.full((6,), 2))
    # A linear field is affine in normalised units: targets and token velocities obey one affine map per context.
    inputs = torch.cat([batch.queries[..., :2], torch.ones(6, 60, 1)], -1).double()
    affine = torch.linalg.lstsq(inputs, batch.targets[..., :2].double()).solution
    torch.testing.assert_close(inputs @ affine, batch.targets[..., :2].double(), atol=1e-4, rtol=1e-4)
    states = batch.clean_states.flatten(1, 2)[..., :2].double()
    points = torch.cat([states, torch.ones(*states.shape[:2], 1).double()], -1)
    difference = (points @ affine - batch.clean_velocities.flatten(1, 2)[..., :2]).abs().amax(-1)
    assert difference[batch.tokens.mask.flatten(1)].max() < 1e-3
    # Its eigenvalues are those of A over the context's speed: a reflection or a permutation keeps them.
    trace = affine[:, :2].diagonal(dim1=1, dim2=2).sum(-1)
    determinant = torch.linalg.det(affine[:, :2])
    wanted = torch.linalg.det(matrix[0]) / matrix[0].trace() ** 2
    torch.testing.assert_close((determinant / trace**2).float(), wanted.expand(6), rtol=1e-3, atol=1e-3)


def test_clean_contexts_are_the_tokens_of_inference():
    systems, _ = linear_systems(n=1, dim=2)
    shape = BatchShape(8, 40, 1, 1.0)
    batch = make_batch({2: Pool.of(systems)}, {2: 1.0}, shape, QueryMix(8), CLEAN, NETWORK, generator(), False, False)
    # What an estimator does with the same trajectories, in another order of the paths.
    states = systems.states.double()
    times = (torch.linspace(0, 1, 40) * systems.horizon[:, None]).double()[:, None].expand(1, 8, 40)
    mask = torch.ones(1, 8, 40, dtype=torch.bool)
    scaling = fim_ode_scaling(states, times, mask)
    z = torch.nn.functional.pad(scaling.normalise(states), (0, 1))
    tokens = make_tokens(z, scaling.normalise_times(times), mask, torch.tensor([[1.0, 1.0, 0.0]]), NETWORK)
    order = tokens.features[0, :, 0, 0].argsort()
    mine = batch.tokens.features[0, :, 0, 0].argsort()
    torch.testing.assert_close(batch.tokens.features[0, mine], tokens.features[0, order], atol=1e-4, rtol=1e-4)


def test_padding_changes_nothing_for_the_others():
    systems = {dim: Pool.of(linear_systems(dim=dim)[0]) for dim in (1, 3)}
    shape = BatchShape(2, 20, 8, 1.0)
    batch = make_batch(systems, {1: 0.5, 3: 0.5}, shape, QueryMix(10), CLEAN, NETWORK, generator(), False)
    assert batch.dims.tolist() == [1] * 4 + [3] * 4
    assert batch.tokens.dim_mask.sum(-1).tolist() == [1] * 4 + [3] * 4
    with torch.no_grad():
        context = FIMODE(NETWORK).encode_tokens(batch.tokens)
    assert context.velocity.isfinite().all()
    # In one dimension the root mean square of a normalised slope is one, as it is in three.
    slopes = batch.tokens.slopes[:, :, :, 0].pow(2).mean((1, 2)).sum(-1) / batch.dims
    assert (slopes.sqrt() - 1).abs().max() < 0.35


def test_contexts_use_only_usable_paths():
    systems, _ = linear_systems(all_valid=False)
    shape = BatchShape(4, 20, 5, 1.0)
    with pytest.raises(ValueError, match="4 usable trajectories"):
        make_batch({2: Pool.of(systems)}, {2: 1.0}, shape, QueryMix(10), CLEAN, NETWORK, generator(), ragged=False)
    batch = make_batch({2: Pool.of(systems)}, {2: 1.0}, shape, QueryMix(10), CLEAN, NETWORK, generator(), ragged=True)
    assert batch.tokens.mask.any(-1).sum(-1).tolist() == [2] * 5
    assert batch.targets.isfinite().all()


def test_far_queries_and_aliased_contexts_do_not_count():
    systems, _ = linear_systems(n=4)
    systems.box.mul_(0).add_(1e3)
    g = generator(3)
    systems.states[0] = torch.sign(torch.randn(systems.states[0].shape, generator=g))
    shape = BatchShape(1, 20, 40, 1.0)
    batch = make_batch({2: Pool.of(systems)}, {2: 1.0}, shape, QueryMix(20), CLEAN, NETWORK, g, ragged=False)
    in_box = QueryMix(20).counts[-1]
    assert not batch.query_mask[:, -in_box:].any()
    assert batch.query_mask[:, :-in_box].float().mean() > 0.8
    assert batch.queries.abs().max() <= FAR_QUERY
    assert 0 < batch.weight.sum() < 40


@pytest.mark.parametrize("given", [0, 1])
def test_contexts_that_stand_still_do_not_count_and_can_be_fitted(given):
    systems, _ = linear_systems(n=4, dim=5)
    systems.states[:2] = 3.0  # as at an equilibrium
    systems.fields[:2] = 0.0
    shape = BatchShape(1, 20, 40, 1.0)
    batch = make_batch(
        {5: Pool.of(systems)}, {5: 1.0}, shape, QueryMix(20), CLEAN, NETWORK, generator(), ragged=False, given=given
    )
    assert 0 < batch.weight.sum() < 40
    assert all(part.isfinite().all() for part in (batch.origin, batch.targets, batch.clean_velocities))
    tokens = batch.tokens
    states, origin = tokens.states.double(), batch.origin.double()
    fits = fit_context(states, tokens.times.double(), tokens.mask, origin, None, batch.outside, with_functions=True)
    assert fits.coefficients.isfinite().all()


def test_batches_are_a_function_of_the_seed():
    systems, _ = linear_systems()
    shape = BatchShape(2, 20, 5, 1.0)

    def queries(seed):
        return make_batch(
            {2: Pool.of(systems)}, {2: 1.0}, shape, QueryMix(9), MIXTURE_CORRUPTION, NETWORK, generator(seed), True
        ).queries

    assert torch.equal(queries(1), queries(1))
    assert not torch.equal(queries(1), queries(2))


@pytest.mark.parametrize("symmetries", [False, True])
def test_the_origin_is_where_the_user_s_zero_is(symmetries):
    systems, _ = linear_systems(n=4)
    shape = BatchShape(8, 40, 6, 1.0)
    batch = make_batch(
        {2: Pool.of(systems)}, {2: 1.0}, shape, QueryMix(8), CLEAN, NETWORK, generator(), False, symmetries
    )
    assert batch.origin.shape == (6, 3)
    assert (batch.origin[:, 2] == 0).all()
    # A linear field is zero at zero, and affine in normalised units: it vanishes at minus the origin.
    states = batch.clean_states.flatten(1, 2)[..., :2].double()
    points = torch.cat([states, torch.ones(6, 320, 1).double()], -1)
    affine = torch.linalg.lstsq(points, batch.clean_velocities.flatten(1, 2)[..., :2].double()).solution
    zero = torch.cat([-batch.origin[:, :2].double(), torch.ones(6, 1).double()], -1)
    assert (zero[:, None] @ affine).abs().max() < 1e-3


def test_contexts_of_more_variables_than_the_network_takes():
    systems, _ = linear_systems(dim=5)
    shape = BatchShape(2, 20, 4, 1.0)
    batch = make_batch({5: Pool.of(systems)}, {5: 1.0}, shape, QueryMix(10), CLEAN, NETWORK, generator(), True)
    assert batch.queries.shape == batch.targets.shape == (4, 10, 5)
    assert batch.tokens.states.shape == (4, 2, 20, 5)
    assert batch.tokens.features.shape[-1] == 0
    assert batch.dims.tolist() == [5] * 4
    assert batch.tokens.dim_mask.all()
    assert not batch.hide_network
    moved = batch.to(torch.device("cpu"))
    assert torch.equal(moved.origin, batch.origin)
    assert moved.hide_network == batch.hide_network


def test_hiding_the_network_changes_nothing_else():
    systems, _ = linear_systems()
    parts = ({2: Pool.of(systems)}, {2: 1.0}, BatchShape(2, 20, 4, 1.0), QueryMix(9), MIXTURE_CORRUPTION, NETWORK)
    seen = make_batch(*parts, generator(), True)
    hidden = make_batch(*parts, generator(), True, hide_network=True)
    assert hidden.hide_network
    assert hidden.to(torch.device("cpu")).hide_network
    assert torch.equal(hidden.tokens.features, seen.tokens.features)
    assert torch.equal(hidden.targets, seen.targets)

"""Fits with functions beside the monomials."""

from functools import partial

import numpy as np
import pytest
import torch

from skdyn.nn.few_queries import for_few_queries
from skdyn.nn.fits.equations import Equations
from skdyn.nn.fits.families import ALL_FITS, Outside
from skdyn.nn.fits.fitting import fit_context
from skdyn.nn.fits.functions import HILL, KINDS, SINE, Functions
from skdyn.nn.query_tangents import for_tangents
from tests.format2 import normalised, rotations, simulate, tiny_network

TIMES = np.linspace(0, 14, 200)


def pendulum(x):
    return np.array([x[1], -1.3 * np.sin(1.7 * x[0]) - 0.1 * x[1]])


def predator(x):
    eaten = x[0] * x[1] / (2 + x[0])
    return np.array([x[0] * (1 - x[0] / 5) - eaten, 0.9 * eaten - 0.2 * x[1]])


def ring(x):
    return 4 / (1 + np.roll(x, 1) ** 4) - x


def chain(power, x):
    """Each follows the one before it; the last represses the first."""
    rates = np.linspace(0.5, 0.8, len(x))
    return np.concatenate([[2 / (1 + x[-1] ** power)], rates[1:] * x[:-1]]) - rates * x


def swing(x):
    angles, speeds = x[:2], x[2:]
    return np.concatenate([speeds, -np.array([1.3, 0.8]) * np.sin(np.array([1.7, 1.1]) * angles) - 0.1 * speeds[::-1]])


SYSTEMS = {
    "chain-5": (partial(chain, 6), np.linspace(0.2, 1.5, 5), HILL, 0),
    "chain-8": (partial(chain, 4), np.linspace(0.2, 1.5, 8), HILL, 0),
    "swing": (swing, [1.2, 0.3, 0.1, -0.9], SINE, 2),
    "pendulum": (pendulum, [1.2, 0.3], SINE, 1),
    "predator": (predator, [1.0, 1.0], HILL, 0),
    "ring": (ring, [0.3, 0.2, 1.0], HILL, 0),
}


def observed(name):
    field, start, *_ = SYSTEMS[name]
    return simulate(field, [start] if len(start) <= 3 else [start, start[::-1]], TIMES)


def fit(times, states, **given):
    (z, tau, seen, _, origin), scaling = normalised(times, states)
    return fit_context(z, tau, seen, origin, with_functions=True, **given), z.flatten(1, 2), scaling


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_functions_of_a_clean_system_are_found(name):
    field, start, kind, variable = SYSTEMS[name]
    fits, z, scaling = fit(*observed(name))
    if z.shape[-1] > 3:  # on the path itself polynomials of many variables are as good
        _, another = simulate(field, [1.3 * np.asarray(start)], TIMES)
        z = scaling.normalise(torch.from_numpy(another[None])).flatten(1, 2)
    states = (z[0].double() * scaling.std[0] + scaling.mean[0]).numpy()
    truth = np.array([field(x) for x in states]) / (scaling.std[0] * scaling.speed[0]).numpy()
    answers = fits.answer(z)[0][0].numpy()
    plain, own = answers[:, : -len(KINDS)], answers[:, fits.places[2 + kind][0]]
    error = np.abs(own - truth)[:, variable].mean()
    assert error < 1e-3
    assert error < 0.2 * np.abs(plain - truth[:, None]).mean(0)[:, variable].min(), "no polynomial is as good"


def test_rates_are_those_of_the_system():
    fits, _, scaling = fit(*observed("pendulum"))
    unit = (scaling.std[0] * fits.scale[0]).numpy()
    assert fits.functions[SINE].axis[0, 1] == 0
    assert float(fits.functions[SINE].rate[0, 1]) / unit[0] == pytest.approx(1.7, rel=1e-3)
    fits, _, scaling = fit(*observed("ring"))
    unit = (scaling.std[0] * fits.scale[0]).numpy()
    hills = fits.functions[HILL]
    assert (hills.axis[0].tolist(), hills.power[0].tolist()) == ([2, 0, 1], [4, 4, 4])
    np.testing.assert_allclose(hills.rate[0].numpy() / unit[[2, 0, 1]], 1, rtol=5e-3)


def test_other_fits_are_what_they_are_without_functions():
    (z, tau, seen, _, origin), _ = normalised(*observed("predator"))
    without = fit_context(z, tau, seen, origin)
    with_them = fit_context(z, tau, seen, origin, with_functions=True)
    count = len(without.families)
    assert with_them.families[:count] == without.families
    assert with_them.families[count:] == tuple(ALL_FITS + kind for kind in KINDS)
    assert without.functions == ()
    assert len(without.places) == 2
    queries = 2 * z.flatten(1, 2)
    for one, other in zip(without.answer(queries), with_them.answer(queries), strict=True):
        assert torch.equal(one, other[:, :, :count])
    assert torch.equal(without.log_residuals, with_them.log_residuals[:, :count])


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_are_derivatives_by_the_rate(kind):
    y = torch.randn(2, 30, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    functions = Functions.candidates(kind, y.abs(), torch.ones(2, 30, dtype=torch.bool), 3)
    step = torch.full_like(functions.rate, 1e-5)
    ahead, behind = (functions.stretched(sign * step)(y, 3) for sign in (1, -1))
    torch.testing.assert_close(functions.slopes(y, 3), (ahead - behind) / 2e-5, rtol=1e-6, atol=1e-8)


def test_odd_powers_need_a_variable_that_stays_positive():
    y = torch.linspace(-1, 2, 20, dtype=torch.float64)[None, :, None].expand(1, 20, 2) * torch.tensor([1.0, 0.0])
    candidates = Functions.candidates(HILL, y + torch.tensor([0.0, 0.3]), torch.ones(1, 20, dtype=torch.bool), 2)
    used = candidates.rate[0] > 0
    assert set(candidates.axis[0][used].tolist()) == {0}, "a variable that does not move needs none"
    assert set(candidates.power[0][used].tolist()) == {2, 4}


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("points", [2, 5, 12])
def test_few_points_give_finite_answers(dim, points):
    fits, z, _ = fit(*rotations(dim, paths=1, points=points))
    for part in fits.answer(3 * z):
        assert part.isfinite().all()
    for part in (fits.log_residuals, fits.log_noise, fits.gaps, fits.root):
        assert part.isfinite().all()


def test_a_variable_that_does_not_move_is_no_fault():
    times, states = observed("ring")
    states[..., 1] = 4.0
    fits, z, _ = fit(times, states)
    for part in fits.answer(z):
        assert part.isfinite().all()


def test_units_and_clocks_and_the_order_of_variables_do_not_matter():
    times, states = observed("predator")
    fits, z, _ = fit(times, states)
    answers = fits.answer(z)[0]
    other, same, _ = fit(5 * times + 3, states * [1e-3, 40.0])
    torch.testing.assert_close(other.answer(same)[0], answers, rtol=1e-6, atol=1e-6)
    turned, swapped, _ = fit(times, states[..., ::-1].copy())
    torch.testing.assert_close(turned.answer(swapped)[0].flip(-1), answers, rtol=1e-6, atol=1e-6)


def test_contexts_of_a_batch_do_not_see_each_other():
    parts = [normalised(*observed(name))[0] for name in ("pendulum", "predator")]
    together = [torch.cat(both) for both in zip(*parts, strict=True)]
    batch = fit_context(together[0], together[1], together[2], together[4], with_functions=True)
    answers = batch.answer(together[0].flatten(1, 2))[0]
    for row, (z, tau, seen, _, origin) in enumerate(parts):
        alone = fit_context(z, tau, seen, origin, with_functions=True).answer(z.flatten(1, 2))[0]
        torch.testing.assert_close(answers[row], alone[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("outside", [False, True])
def test_long_contexts_are_judged_by_some_of_their_windows(outside):
    starts = np.random.default_rng(0).uniform(-0.8, 0.8, (30, 2))
    times, states = simulate(pendulum, starts, np.linspace(0, 7, 100))
    mask = np.ones(times.shape, dtype=bool)
    mask[::3, 30:] = False
    (z, tau, seen, _, origin), scaling = normalised(times, states, mask)
    given = Outside(torch.zeros_like(z[..., :1]), torch.ones(1, 1), True) if outside else None
    fits = fit_context(z, tau, seen, origin, outside=given, with_functions=True)
    sines = fits.functions[SINE]
    assert sines.axis[0, 1] == 0
    assert float(sines.rate[0, 1] / (scaling.std[0] * fits.scale[0, :2])[0]) == pytest.approx(1.7, rel=1e-3)


def test_many_variables_have_the_powers_of_the_system():
    for name, power in (("chain-5", 6), ("chain-8", 4)):
        fits, _, scaling = fit(*observed(name))
        hills, unit = fits.functions[HILL], (scaling.std[0] * fits.scale[0]).numpy()
        assert (int(hills.axis[0, 0]), int(hills.power[0, 0])) == (len(unit) - 1, power)
        assert float(hills.rate[0, 0]) / unit[-1] == pytest.approx(1, rel=1e-2)
    assert fits.terms is not None, "monomials are chosen"


def test_a_context_of_many_variables_has_the_same_functions_beside_others():
    times, states = observed("chain-5")
    parts = [normalised(times, part)[0] for part in (states, states[..., ::-1].copy())]
    single = [fit_context(z, tau, seen, origin, with_functions=True) for z, tau, seen, _, origin in parts]
    z, tau, seen, _, origin = (torch.cat(pair) for pair in zip(*parts, strict=True))
    together = fit_context(z, tau, seen, origin, with_functions=True)
    for row, alone in enumerate(single):
        for own, both in zip(alone.functions, together.functions, strict=True):
            torch.testing.assert_close(both.rate[row : row + 1], own.rate, rtol=1e-5, atol=1e-9)
            assert torch.equal(both.axis[row : row + 1], own.axis)
    mirrored = single[1].functions[HILL].axis[0].flip(0)
    assert torch.equal(4 - mirrored[:1], single[0].functions[HILL].axis[0, :1]), "by whatever name"


def test_very_many_variables_have_none():
    fits, _, _ = fit(*rotations(14))
    assert fits.functions == ()
    assert max(fits.families) < ALL_FITS


@pytest.mark.parametrize("holds", [False, True])
def test_functions_of_states_beside_inputs(holds):
    times, states = observed("pendulum")
    (z, tau, *_), _ = normalised(times, states)
    values = torch.sin(3 * tau)[..., None]
    fits, _, _ = fit(times, states, outside=Outside(values, torch.full((1, 1), 0.3), holds))
    assert fits.functions[SINE].axis[0, 1] == 0
    queries = torch.cat([z, values], -1).flatten(1, 2)
    field = fits.answer(queries)[0]
    assert field.shape == (1, 200, len(fits.families), 2)
    tops = [fits.places[0][2], fits.places[2][0]]
    assert (field[0, :, tops[0], 1] - field[0, :, tops[1], 1]).abs().mean() < 0.1


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_few_queries_and_derivatives_have_the_functions(name):
    network = tiny_network(functions=1).double()
    times, states = observed(name)
    inputs, _ = normalised(times, states, width=max(3, states.shape[-1]))
    inputs = [part.double() if part.is_floating_point() else part for part in inputs]
    context = network.encode(*inputs)
    fits = context.groups[0].fits
    assert all(fits.active[0, list(places), :, fits.plain_terms :].any() for places in fits.places[2:])
    z = 1.5 * inputs[0][:, 0, ::20].clone().requires_grad_(True)
    field, log_scale = network.decode(context, z)
    mine = for_few_queries(network, context)(z[0].detach().numpy())
    np.testing.assert_allclose(mine[0], field[0].detach(), rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(mine[1], log_scale[0].detach(), rtol=2e-5, atol=2e-5)
    values, derivatives = for_tangents(network, context)(z[0].detach())
    dim = values.shape[1]
    np.testing.assert_allclose(values, field[0, :, :dim].detach(), rtol=1e-5, atol=1e-5)
    slopes = [torch.autograd.grad(field[..., i].sum(), z, retain_graph=True)[0][0, :, :dim] for i in range(dim)]
    np.testing.assert_allclose(derivatives, torch.stack(slopes, 1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_equations_say_what_the_fits_say(name):
    fits, z, _ = fit(*observed(name))
    equations = Equations.of(fits)
    x = z[0, ::10].double() + fits.origin[0]
    columns = (x[:, None] ** equations.exponents).prod(-1)
    shapes = {"sin": torch.sin, "cos": torch.cos}
    for t, f in enumerate(equations.function_of.tolist()):
        if f >= 0:
            kind, direction, power = equations.functions[f]
            u = x @ torch.tensor(direction, dtype=torch.float64)
            raised = (u.clamp(min=0) if power % 2 else u) ** power
            columns[:, t] *= shapes[kind](u) if kind in shapes else raised / (1 + raised)
    said = torch.einsum("nt,ftd->nfd", columns, equations.coefficients)
    answers = fits.answer(z[:, ::10])[0][0][:, list(equations.places)]
    torch.testing.assert_close(said, answers, rtol=1e-6, atol=1e-6)
    best = torch.tensor([2 + (d % 2) for d in range(fits.variables)])
    chosen = equations.chosen(best)
    assert len(chosen.functions) == len(chosen.function_of.unique()) - 1 <= len(equations.functions)
    own = torch.einsum("nt,td->nd", columns[:, _kept(equations, chosen)], chosen.coefficients[0])
    torch.testing.assert_close(own, said[:, best, torch.arange(fits.variables)])


def _kept(equations, chosen):
    """Places of the chosen equations' terms among all."""

    def keys(found):
        names = [*found.functions, None]
        return [(tuple(row), names[f]) for row, f in zip(found.exponents.tolist(), found.function_of, strict=True)]

    every = keys(equations)
    return [every.index(key) for key in keys(chosen)]

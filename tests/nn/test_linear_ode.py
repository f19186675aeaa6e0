"""Piecewise linear ODEs against independent solutions in double precision."""

import math

import pytest
import torch

from skdyn.nn.linear_ode import (
    MAX_NORM,
    _all_pieces,
    bound_norm,
    compose,
    evaluate,
    piece_maps,
    taylor_pieces,
)

ROWS, PIECES, SIZE = 3, 40, 15


def system(norm, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(ROWS, PIECES, SIZE, SIZE, generator=generator, dtype=torch.float64)
    matrix *= norm / matrix.square().sum((-2, -1), keepdim=True).sqrt()
    drive = torch.randn(ROWS, PIECES, SIZE, generator=generator, dtype=torch.float64)
    initial = torch.randn(ROWS, SIZE, generator=generator, dtype=torch.float64)
    return matrix.to(dtype), drive.to(dtype), initial.to(dtype)


def by_exponentials(matrix, drive, initial, times):
    """States at times (T,), by the exponential of the augmented matrix."""
    generator = torch.nn.functional.pad(torch.cat([matrix, drive[..., None]], -1), (0, 0, 0, 1))
    pieces = matrix.shape[1]
    states = []
    for time in times.tolist():
        z = torch.cat([initial, torch.ones_like(initial[:, :1])], -1)[..., None]
        for k in range(pieces):
            length = min(max(time - k / pieces, 0), 1 / pieces) if k < pieces - 1 else max(time - k / pieces, 0)
            z = torch.matrix_exp(length * generator[:, k]) @ z
        states.append(z[:, :-1, 0])
    return torch.stack(states, 1)


def by_runge_kutta(matrix, drive, initial, substeps=8):
    """States at the ends of the pieces, by the classical method within each piece."""
    z, step, states = initial, 1 / matrix.shape[1] / substeps, []
    for k in range(matrix.shape[1]):

        def slope(z, k=k):
            return (matrix[:, k] @ z[..., None])[..., 0] + drive[:, k]

        for _ in range(substeps):
            a = slope(z)
            b = slope(z + step / 2 * a)
            c = slope(z + step / 2 * b)
            z = z + step / 6 * (a + 2 * b + 2 * c + slope(z + step * c))
        states.append(z)
    return torch.stack(states, 1)


def solve(matrix, drive, initial, times):
    return evaluate(taylor_pieces(matrix, drive, initial), times.to(initial.dtype).expand(len(initial), -1))


def test_runge_kutta_within_pieces():
    parts = system(5.0)
    ends = torch.arange(1, PIECES + 1, dtype=torch.float64) / PIECES
    torch.testing.assert_close(solve(*parts, ends), by_runge_kutta(*parts), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("norm", [5.0, 60.0, 200.0])
def test_exponentials(norm):
    times = torch.linspace(0, 1, 23, dtype=torch.float64)
    parts = system(norm)
    expected = by_exponentials(*parts, times)
    scale = expected.abs().amax()
    assert (solve(*parts, times) - expected).abs().amax() < 1e-7 * scale
    single = solve(*(part.float() for part in parts), times.float())
    assert (single.double() - expected).abs().amax() < 2e-5 * scale


def test_large_matrices_are_subdivided():
    assert taylor_pieces(*system(59.0)).shape[1] == PIECES
    assert taylor_pieces(*system(61.0)).shape[1] == 2 * PIECES
    assert taylor_pieces(*system(239.0)).shape[1] == 4 * PIECES


@pytest.mark.parametrize("parts", [1, 3])
def test_the_scan_equals_the_loop(parts):
    matrix, drive, initial = system(59.0 * parts)
    step = 1 / PIECES / parts
    loop = taylor_pieces(matrix, drive, initial)
    assert loop.shape[1] == PIECES * parts
    scan = _all_pieces(matrix * step, drive * step, initial, parts)
    torch.testing.assert_close(scan, loop, rtol=1e-10, atol=1e-10 * float(loop.abs().amax()))


def test_composition_of_maps():
    matrix, drive, _ = system(60.0)
    maps = piece_maps(matrix / PIECES, drive / PIECES)
    product = maps[:, 0]
    for k, composed in enumerate(compose(maps).unbind(1)):
        if k:
            product = maps[:, k] @ product
        torch.testing.assert_close(composed, product, rtol=1e-9, atol=1e-9)


def test_no_dynamics_is_a_straight_line():
    _, drive, initial = system(1.0)
    drive = drive[:, :1].expand(-1, PIECES, -1)
    times = torch.linspace(0, 1, 11, dtype=torch.float64)
    answer = solve(torch.zeros(ROWS, PIECES, SIZE, SIZE, dtype=torch.float64), drive, initial, times)
    torch.testing.assert_close(answer, initial[:, None] + times[:, None] * drive[:, :1])


def test_a_singular_matrix_needs_no_inverse():
    matrix = torch.zeros(1, 4, 2, 2, dtype=torch.float64)
    matrix[..., 0, 1] = 3.0  # a double integrator: x' = 3 v, v' = b
    drive = torch.tensor([0.0, 0.5], dtype=torch.float64).expand(1, 4, 2)
    times = torch.linspace(0, 1, 9, dtype=torch.float64)
    answer = solve(matrix, drive, torch.tensor([[1.0, 2.0]], dtype=torch.float64), times)[0]
    torch.testing.assert_close(answer[:, 1], 2 + 0.5 * times)
    torch.testing.assert_close(answer[:, 0], 1 + 3 * (2 * times + 0.25 * times**2))


def test_the_solution_is_continuous_and_its_derivative_is_the_right_hand_side():
    matrix, drive, initial = system(60.0)
    polynomials = taylor_pieces(matrix, drive, initial)
    ends = polynomials.sum(2)[:, :-1]
    torch.testing.assert_close(ends, polynomials[:, 1:, 0], rtol=1e-12, atol=1e-12)
    times = torch.tensor([0.013, 0.31, 0.77], dtype=torch.float64).expand(ROWS, -1)
    slopes = evaluate(polynomials, times, derivative=True)
    states = evaluate(polynomials, times)
    piece = (times * PIECES).long()
    rows = torch.arange(ROWS)[:, None]
    expected = (matrix[rows, piece] @ states[..., None])[..., 0] + drive[rows, piece]
    torch.testing.assert_close(slopes, expected, rtol=1e-6, atol=1e-6)


def test_gradients():
    matrix, drive, initial = (part[:1, :3, ...] if part.ndim > 2 else part[:1] for part in system(8.0))
    inputs = tuple(part[..., :2].contiguous().requires_grad_() for part in (matrix[..., :2, :], drive, initial))
    times = torch.tensor([[0.1, 0.5, 1.0]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *parts: evaluate(taylor_pieces(*parts), times), inputs)


def test_the_norm_is_bounded_smoothly():
    small, _, _ = system(10.0)
    torch.testing.assert_close(bound_norm(small, PIECES), small, rtol=1e-5, atol=0)
    large, _, _ = system(1e6)
    norms = bound_norm(large, PIECES).square().sum((-2, -1)).sqrt()
    assert (norms <= MAX_NORM * PIECES * (1 + 1e-12)).all()
    assert math.isclose(float(norms.min()), MAX_NORM * PIECES, rel_tol=1e-6)

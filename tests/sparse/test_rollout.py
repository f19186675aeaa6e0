"""Roll-outs and their derivatives against finite differences."""

import numpy as np

from skdyn.sparse.library import terms
from skdyn.sparse.rollout import roll_out, sensitivities


def test_sensitivities_against_finite_differences():
    rng = np.random.default_rng(4)
    library = terms(2, 3)
    batch = 3
    coefficients = 0.3 * rng.normal(size=(library.size, 2, batch))
    start = rng.normal(size=(2, batch))
    steps = rng.uniform(0.05, 0.2, size=(6, batch))
    steps[4:, 1] = 0.0  # padding
    component = np.array([[0, 1, 0], [1, 1, -1]])
    row = np.array([[1, 4, 9], [3, 0, 0]])
    states, stages = roll_out(library, coefficients, start, steps, keep_stages=True)
    exact = sensitivities(library, coefficients, stages, steps, component, row)
    np.testing.assert_array_equal(states[4, :, 1], states[6, :, 1])
    step = 1e-6
    for e in range(2):
        shift = step * np.eye(2)[e][:, None]
        up, down = (roll_out(library, coefficients, start + s, steps)[0] for s in (shift, -shift))
        np.testing.assert_allclose(exact[:, :, e], (up - down) / (2 * step), rtol=1e-6, atol=1e-8)
    for p in range(2):
        shift = np.zeros_like(coefficients)
        for b in range(batch):
            if component[p, b] >= 0:
                shift[row[p, b], component[p, b], b] = step
        up, down = (roll_out(library, coefficients + s, start, steps)[0] for s in (shift, -shift))
        np.testing.assert_allclose(exact[:, :, 2 + p], (up - down) / (2 * step), rtol=1e-6, atol=1e-8)


def test_roll_out_is_of_fourth_order_and_survives_divergence():
    library = terms(1, 2)
    growth = np.array([0.0, 0.0, 1.0]).reshape(3, 1, 1)  # x' = x^2
    errors = []
    for n in (20, 40):
        states, _ = roll_out(library, growth, np.array([[1.0]]), np.full((n, 1), 0.5 / n))
        errors.append(abs(states[-1, 0, 0] - 2.0))
    assert 12.0 < errors[0] / errors[1] < 20.0
    states, _ = roll_out(library, growth, np.array([[1e200]]), np.full((5, 1), 1.0))
    assert not np.isfinite(states[-1]).any()

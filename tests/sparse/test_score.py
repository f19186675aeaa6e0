"""What the score charges for."""

from dataclasses import replace

import numpy as np
from scipy.integrate import solve_ivp

from skdyn.data.trajectories import Trajectories
from skdyn.sparse.candidates import Candidates
from skdyn.sparse.library import terms
from skdyn.sparse.problem import ShootingProblem
from skdyn.sparse.scaled_context import scale_context
from skdyn.sparse.score import Scorer


def test_the_score_charges_runaway_states_and_structure_is_seen():
    t = np.linspace(0.0, 6.0, 80)
    clean = np.column_stack([np.cos(t), -np.sin(t)])
    noisy = clean + 0.03 * np.random.default_rng(0).standard_normal(clean.shape)
    context = scale_context(Trajectories([(t, noisy)]))
    scorer = Scorer(context)
    library = terms(2, 3)
    harmonic = np.zeros((library.size, 2))
    ratio = context.scale[1] / context.scale[0]
    harmonic[2, 0], harmonic[1, 1] = ratio / context.rate, -1.0 / (ratio * context.rate)
    explosive = harmonic.copy()
    explosive[6, 0] = 3.0  # + 3 u0^3
    assert scorer.runaway(library, harmonic[None])[0] == 0.0
    assert scorer.runaway(library, explosive[None])[0] > 0.5
    slower = 0.9 * harmonic
    for field, structured in ((harmonic, False), (slower, True)):
        states = clean[None] / context.scale
        batch = Candidates(field[None], field[None] != 0, states, np.zeros(1), np.zeros(1), ("test",))
        assert scorer.leaves_structure(library, batch) == structured


def lorenz(x):
    """Rates (..., 3) of Lorenz's convection."""
    a, b, c = np.moveaxis(x, -1, 0)
    return np.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c], -1)


def true_field_of_chaos(**accuracy):
    """A problem of a path as a solver finds it, its scorer, and the field that was solved."""
    t = np.linspace(0.0, 20.0, 1000)
    path = solve_ivp(lambda _, x: lorenz(x), (0, 20), [1.0, 1.0, 20.0], t_eval=t, **accuracy).y.T
    context, library = scale_context(Trajectories([(t, path)])), terms(3, 2)
    points = 5 * np.random.default_rng(0).standard_normal((40, 3))
    rates = lorenz(points * context.scale) / context.scale / context.rate
    field = np.zeros((1, library.size, 3))
    field[0, : library.n_terms] = np.linalg.lstsq(library.design(points), rates, rcond=None)[0]
    states = path[None] / context.scale
    batch = Candidates(field, np.abs(field) > 1e-9, states, np.zeros(1), np.zeros(1), ("test",))
    return ShootingProblem(context, library), Scorer(context), batch


def test_a_chaotic_path_counts_no_further_than_a_solver_is_right():
    exact, sloppy = (
        scorer.score(problem, batch).score[0]
        for problem, scorer, batch in (true_field_of_chaos(rtol=rtol, atol=rtol) for rtol in (1e-12, 1e-7))
    )
    assert abs(sloppy - exact) < 10 * np.log(1000)  # little beside the terms that would lead along the path's end
    problem, scorer, batch = true_field_of_chaos(rtol=1e-7)
    assert scorer.missed(problem.library, batch)[0] < 1e-4
    assert not scorer.leaves_structure(problem.library, batch)
    still = replace(batch, coefficients=0 * batch.coefficients)
    assert scorer.missed(problem.library, still)[0] > 0.5

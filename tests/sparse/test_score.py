"""What the score charges for."""

import numpy as np

from skdyn.data.trajectories import Trajectories
from skdyn.sparse.candidates import Candidates
from skdyn.sparse.library import terms
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

"""Windows that are held out and contexts that are drawn."""

import numpy as np
import pytest

from skdyn import Trajectories, TrajectoryError
from skdyn.adaptation.contexts import draw_context, hold_out, runs


def test_held_out_windows():
    lengths = (50, 200, 8, 5)
    trajectories = Trajectories([(np.arange(n), np.random.default_rng(n).normal(size=(n, 2))) for n in lengths])
    held = hold_out(trajectories, 0.2, np.random.default_rng(0))
    assert [len(mask) for mask in held] == list(lengths)
    assert [int(mask.sum()) for mask in held[:2]] == [10, 40]
    assert held[2].sum() >= 2
    assert not held[3].any()
    for mask in held:
        assert not mask[: len(mask) // 6].any()
    again = hold_out(trajectories, 0.2, np.random.default_rng(0))
    assert all((a == b).all() for a, b in zip(held, again, strict=True))
    with pytest.raises(TrajectoryError, match="no trajectory has 8 points"):
        hold_out(trajectories[3:], 0.2, np.random.default_rng(0))


def test_a_share_that_leaves_nothing_to_learn_from_is_refused():
    trajectories = Trajectories([(np.arange(n), np.random.default_rng(n).normal(size=(n, 1))) for n in (40, 8)])
    with pytest.raises(TrajectoryError, match=r"trajectory 1: with share=1 of its 8 points .* choose a smaller share"):
        hold_out(trajectories, 1.0, np.random.default_rng(0))


def test_contexts_are_parts_of_what_is_kept():
    rng = np.random.default_rng(0)
    trajectories = Trajectories([(np.arange(30.0), rng.normal(size=(30, 1))) for _ in range(3)])
    keep = [np.arange(30) % 5 > 0 for _ in range(3)]
    kept = {value for states in trajectories.states for value in states[keep[0], 0]}
    drawn = [draw_context(trajectories, keep, rng) for _ in range(30)]
    assert all(set(states[:, 0]) <= kept for context in drawn for states in context.states)
    assert {len(context) for context in drawn} == {2, 3}
    assert min(context.n_points for context in drawn) < 48 < max(context.n_points for context in drawn)


def test_runs():
    assert runs(np.array([True, False, True, True, False])) == [(0, 1), (2, 4)]
    assert runs(np.zeros(3, dtype=bool)) == []

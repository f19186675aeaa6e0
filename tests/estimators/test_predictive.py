"""Predictions averaged with those of linear equations: by blocks, by Bayes' rule, whatever the order."""

import numpy as np
import pytest
from scipy.stats import t as student

from skdyn import FIMSDERegressor, Trajectories
from skdyn.estimators._predictive import BesideLinear, blocks

MOST = np.log(np.exp(2) / 3 - 1)
"""Log-odds by which a path loses at most two nats beside the best of three linear equations."""


def walks(paths, points, seed=0):
    rng = np.random.default_rng(seed)
    return Trajectories([(np.arange(float(points)), rng.normal(size=(points, 2)).cumsum(axis=0)) for _ in range(paths)])


def transitions(context):
    return sorted((float(x[i, 0]), float(x[i + 1, 0])) for _, x in context for i in range(len(x) - 1))


@pytest.mark.parametrize(("paths", "points"), [(1, 41), (3, 20), (4, 10), (11, 6)])
def test_each_transition_is_held_out_once(paths, points):
    context = walks(paths, points)
    parts = list(blocks(context))
    assert len(parts) == 4
    for rest, held_out in parts:
        assert sorted(transitions(rest) + transitions(held_out)) == transitions(context)
    assert sorted(move for _, held_out in parts for move in transitions(held_out)) == transitions(context)


@pytest.mark.parametrize("points", [8, 450])  # of the longer ones, only a part is predicted
def test_blocks_do_not_depend_on_the_order_of_the_trajectories(points):
    context = walks(9, points)
    turned = context[np.random.default_rng(1).permutation(9)]
    for one, other in zip(blocks(context), blocks(turned), strict=True):
        for mine, theirs in zip(one, other, strict=True):
            assert transitions(mine) == transitions(theirs)


@pytest.mark.parametrize(
    ("gain", "log_odds"),
    [(-1.5, -1.5), (0.0, 0.0), (0.3, 0.3), (1.5, MOST), (30.0, MOST), (-30.0, -np.log(6))],
)
def test_the_odds_are_the_mean_gain_of_a_block_within_limits(gain, log_odds):
    context = walks(1, 81)
    plain = BesideLinear.of(context, lambda rest, held: None)
    assert plain.share == pytest.approx(0.5)

    def better(rest, held_out):
        """As the linear equations of the rest, and so many nats more in all."""
        fitted = BesideLinear.of(rest, lambda *parts: None)
        count = held_out.n_points - len(held_out)
        linear = fitted.log_likelihoods(np.full(count, -np.inf), held_out).sum() + np.log(2)
        return np.full(count, (linear + gain) / count)

    judged = BesideLinear.of(context, better)
    assert judged.log_odds == pytest.approx(log_odds)
    assert judged.share == pytest.approx(1 / (1 + np.exp(log_odds)))


def test_no_path_loses_more_than_the_odds_against_the_linear_equations():
    context, ahead = walks(1, 60), walks(3, 21, seed=4)
    judged = BesideLinear(BesideLinear.of(context, lambda *parts: None).linear, 1.0)
    hopeless = judged.log_likelihoods(np.full(60, -1e12), ahead).reshape(3, 20).sum(axis=1)
    equal = judged.log_likelihoods(np.full(60, 1e3), ahead).reshape(3, 20).sum(axis=1)
    np.testing.assert_allclose(equal, 20e3 + np.log(1 - judged.share), rtol=1e-9)
    for path, found in zip(ahead, hopeless, strict=True):
        linear = sum(model.log_likelihoods((path[0], path[1][:, d])).sum() for d, model in enumerate(judged.linear))
        assert found == pytest.approx(linear + np.log(judged.share))


def test_a_context_too_short_for_linear_equations_leaves_the_inferred_one():
    judged = BesideLinear.of(walks(1, 5), lambda *parts: None)
    assert judged.share == 0
    given = np.array([-1.0, -2.0])
    np.testing.assert_array_equal(judged.log_likelihoods(given, walks(1, 3)), given)


@pytest.mark.parametrize("lengths", [[1200, 2400], [3000, 50, 50, 50, 50], [2] * 3000])
def test_each_trajectory_of_a_block_has_its_share(lengths):
    steps = np.random.default_rng(2)
    context = Trajectories([(np.arange(float(n)), steps.normal(size=(n, 1))) for n in lengths])
    for _, held_out in blocks(context):
        assert len(held_out) >= min(2, len(lengths) // 4)
        assert 300 <= held_out.n_points - len(held_out) <= 402 or len(lengths) == 5


def test_scores_do_not_depend_on_the_order_of_the_trajectories():
    rng = np.random.default_rng(1)
    context = []
    for width in (0.5, 1.5):
        x = np.zeros((1800, 1))
        for i in range(1799):
            x[i + 1] = 0.9 * x[i] + width * np.sqrt(0.2) * rng.normal()
        context.append((0.1 * np.arange(1800), x))
    one, other = (FIMSDERegressor(device="cpu").fit(order) for order in (context, context[::-1]))
    assert one.linear_share_ == pytest.approx(other.linear_share_, rel=1e-6)
    assert one.score([context[0]]) == pytest.approx(other.score([context[0]]), rel=1e-6)


def test_two_wells_are_told_from_a_line():
    rng = np.random.default_rng(0)
    x = np.ones((3000, 1))
    for i in range(2999):
        x[i + 1] = x[i] + 0.05 * (x[i] - x[i] ** 3) + 0.5 * np.sqrt(0.05) * rng.normal()
    fitted = FIMSDERegressor(device="cpu").fit(x[:2000], t=0.05)
    assert fitted.linear_share_ == pytest.approx(1 / (1 + np.exp(MOST)))  # as little as may be
    assert fitted.score(x[2000:], t=0.05) > -0.5 * np.log(2 * np.pi * np.e * 0.25 * 0.05) - 0.03


def test_walks_that_leave_the_context_cost_little():
    """Random walks whose last fifth goes where nothing was seen: Brownian motion is all that there is to know."""
    gaps = []
    for seed in range(100):
        x = np.random.default_rng(seed).normal(size=(100, 1)).cumsum(axis=0)
        seen, ahead = x[:80], x[79:]
        if ahead.max() > seen.max() + 0.3 * np.ptp(seen) and len(gaps) < 3:
            moves = np.diff(seen[:, 0])
            exact = student(78, moves.mean(), moves.std(ddof=1) * np.sqrt(1 + 1 / 79)).logpdf(np.diff(ahead[:, 0]))
            gaps.append(FIMSDERegressor(device="cpu").fit(seen, t=1.0).score(ahead, t=1.0) - exact.mean())
    assert len(gaps) == 3
    assert min(gaps) > -0.1

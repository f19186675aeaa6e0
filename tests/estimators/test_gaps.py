"""Single values that are missing: what is filled in, and what the pretrained field makes of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from skdyn import FIMODERegressor, ModelWarning, SparseODERegressor, Trajectories, Trajectory
from skdyn.data.given import Given
from skdyn.data.time_axis import TimeAxis
from skdyn.estimators._gaps import filled_along
from skdyn.exceptions import TrajectoryError
from skdyn.sparse.smoothing import completed, smoothed
from tests.property.effort import examples

T = np.linspace(0.0, 12.0, 120)
seeds = st.integers(0, 10_000)


def hares(x):
    return np.stack([1.1 * x[:, 0] - 0.4 * x[:, 0] * x[:, 1], 0.1 * x[:, 0] * x[:, 1] - 0.4 * x[:, 1]], axis=1)


CLEAN = solve_ivp(lambda _, x: hares(x[None])[0], (0.0, 12.0), [10.0, 5.0], t_eval=T, rtol=1e-9, atol=1e-9).y.T


def holes(seed, clean=CLEAN, noise=0.05, share=0.5):
    """Noisy states of which a share is missing, but for the first row."""
    rng = np.random.default_rng(seed)
    x = clean * (1 + noise * rng.standard_normal(clean.shape))
    x[rng.random(x.shape) < share] = np.nan
    x[0] = clean[0]
    return x


def keeping(pairs, **params):
    return FIMODERegressor(device="cpu", missing="keep", **params).fit(pairs)


def filled_error(context, gaps):
    rows = np.isin(T, context.times[0])
    missing = np.isnan(gaps.states[0])
    return np.sqrt(np.mean((context.states[0] - CLEAN[rows])[missing] ** 2))


def test_what_was_observed_stays_and_the_rest_follows_the_field():
    gaps = Trajectories.with_gaps([(T, holes(0))])
    along = filled_along(gaps, smoothed(gaps), hares)
    seen = ~np.isnan(gaps.states[0])
    np.testing.assert_array_equal(along.states[0][seen], gaps.states[0][seen])
    assert filled_error(along, gaps) < 0.9 * filled_error(completed(gaps), gaps)


@settings(max_examples=examples(10))
@given(seeds)
def test_a_field_that_says_nothing_fills_as_the_splines_do(seed):
    gaps = Trajectories.with_gaps([(T, holes(seed)), (T + 3.0, holes(seed + 1))])
    along = filled_along(gaps, smoothed(gaps), np.zeros_like)
    for one, other in zip(along.states, completed(gaps).states, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


@settings(max_examples=examples(6))
@given(seeds)
def test_where_nothing_is_missing_answers_are_the_same_bit_for_bit(seed):
    pairs = [(T, holes(seed, share=0.0))]
    points = CLEAN[::30]
    kept, plain = keeping(pairs), FIMODERegressor(device="cpu").fit(pairs)
    for one, other in zip(
        kept.vector_field(points, return_std=True), plain.vector_field(points, return_std=True), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(kept.context_.states[0], plain.context_.states[0])


@settings(max_examples=examples(6))
@given(seeds, st.floats(-3, 3), st.floats(-10, 10), st.floats(-100, 100))
def test_units_do_not_matter(seed, size, exponent, start):
    scale, unit = 10.0 ** np.array([size, -size]), 10.0**exponent
    x = holes(seed)
    base = keeping([(T, x)])
    moved = keeping([((T + start) * unit, x * scale)])
    np.testing.assert_allclose(moved.context_.states[0] / scale, base.context_.states[0], rtol=1e-2, atol=1e-2)
    field = base.predict(CLEAN[::10])
    error = np.abs(moved.predict(CLEAN[::10] * scale) * unit / scale - field)
    assert (error < 2e-2 * np.abs(field).max(axis=0)).all()


@settings(max_examples=examples(10))
@given(seeds)
def test_the_order_of_the_variables_does_not_matter_to_what_is_filled_in(seed):
    x = holes(seed)
    gaps, reordered = Trajectories.with_gaps([(T, x)]), Trajectories.with_gaps([(T, x[:, ::-1])])
    one = filled_along(gaps, smoothed(gaps), hares)
    other = filled_along(reordered, smoothed(reordered), lambda points: hares(points[:, ::-1])[:, ::-1])
    np.testing.assert_allclose(other.states[0][:, ::-1], one.states[0], rtol=1e-10)


def test_the_order_of_many_variables_does_not_matter():
    ring = solve_ivp(
        lambda _, x: (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8,
        (0.0, 5.0),
        4 + np.arange(5.0),
        t_eval=np.linspace(0, 5, 150),
        rtol=1e-8,
    )
    gaps, queries, order = holes(3, ring.y.T, noise=0.02, share=0.3), ring.y.T[::10], np.array([3, 0, 4, 1, 2])
    field = keeping([(ring.t, gaps)]).vector_field(queries)
    reordered = keeping([(ring.t, gaps[:, order])]).vector_field(queries[:, order])
    np.testing.assert_allclose(reordered, field[:, order], atol=1e-6 * np.abs(field).max())


def test_half_of_the_values_say_nearly_as_much_as_all():
    """More than the rows that are complete, which are a quarter."""
    x = holes(1)
    truth = hares(CLEAN)
    kept, dropped = keeping([(T, x)]), FIMODERegressor(device="cpu", missing="drop").fit([(T, x)])
    errors = [np.abs(est.predict(CLEAN) - truth).sum() / np.abs(truth).sum() for est in (kept, dropped)]
    assert errors[0] < 0.05
    assert errors[0] < 0.8 * errors[1]


def test_saving_keeps_the_gaps(tmp_path):
    estimator = keeping([(T, holes(2))])
    assert np.isfinite(estimator.context_.states[0]).all()
    estimator.save(tmp_path / "saved")
    loaded = FIMODERegressor.load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.predict(CLEAN[::10]), estimator.predict(CLEAN[::10]))


def test_inputs_are_complete_where_states_are_not():
    u = np.sin(T)[:, None]
    clean = solve_ivp(lambda t, x: -x + np.sin(t), (0.0, 12.0), [1.0], t_eval=T, rtol=1e-9, atol=1e-9).y.T
    x = np.hstack([clean, 0.5 * clean + 0.1 * u])
    x[5:60:3, 0] = np.nan
    estimator = keeping([Trajectory(T, x, u=u)])
    rows = np.isnan(x[:, 0])
    np.testing.assert_allclose(estimator.context_.states[0][rows, 0], clean[rows, 0], atol=1e-3)


def test_a_search_compares_what_was_observed():
    estimator = keeping([(T, holes(3, noise=0.01))], refine="sparse", library="x0, x1, x0*x1")
    assert estimator.equations(2) == ["d(x0)/dt = 1.1 x0 - 0.4 x0 x1", "d(x1)/dt = -0.4 x1 + 0.1 x0 x1"]


def infused(seen, interpolation="previous"):
    """A held infusion into one compartment, of which the concentration was measured where ``seen`` says."""
    t = np.arange(0, 24.01, 0.5)
    rate, conc = np.where(t % 8 < 2, 100.0, 0.0), np.zeros(len(t))
    for i in range(len(t) - 1):
        conc[i + 1] = rate[i] / 3 + (conc[i] - rate[i] / 3) * np.exp(-0.15)
    x = np.where(seen(t), conc, np.nan)[:, None]
    given = Given(inputs=("rate",), interpolation=interpolation)
    return Trajectories.with_gaps([Trajectory.of_columns(t, x, rate[:, None], given, ("conc",), 0, TimeAxis())])


def test_a_score_knows_the_inputs_of_rows_without_states():
    measured = infused(lambda t: np.isin(t % 8, [0, 1.5, 3, 5, 7]))
    est = SparseODERegressor(library="conc, rate", missing="keep").fit(measured)
    assert est.equations() == ["d(conc)/dt = -0.3 conc + 0.1 rate"]
    assert est.score(measured) == pytest.approx(est.score(infused(lambda t: t >= 0)), abs=1e-6)
    assert "white residuals" not in [check.name for check in est.diagnose().checks if check.failed]
    late = infused(lambda t: t > 5)
    assert est.score(late) > 0.999  # from the first measured one on


def test_inputs_are_checked_where_states_are_missing():
    with pytest.warns(ModelWarning, match="'rate' rests, between jumps"):
        SparseODERegressor(library="conc, rate", missing="keep").fit(infused(lambda t: t % 8 != 7, "linear"))


def test_a_score_needs_a_state_to_start_from():
    est = keeping([(T, holes(0))])
    nothing = np.full(CLEAN.shape, np.nan)
    nothing[::2, 0], nothing[1::2, 1] = CLEAN[::2, 0], CLEAN[1::2, 1]
    with pytest.warns(UserWarning, match="1 of 2 trajectories have no complete row"):
        assert est.score([(T, CLEAN), (T, nothing)]) == est.score([(T, CLEAN)])
    with pytest.raises(TrajectoryError, match="no trajectory has a complete row"):
        est.score([(T, nothing)])


def test_a_variable_that_was_hardly_observed_is_refused():
    x = CLEAN.copy()
    x[1:, 1] = np.nan
    with pytest.raises(TrajectoryError, match="trajectory 0, variable 1 was observed 1 times"):
        keeping([(T, x)])


def test_what_fills_gaps_is_not_judged():
    names = {check.name for check in keeping([(T, holes(0))]).diagnose().checks}
    assert "simulation" in names
    assert not names & {"jumps from point to point", "rough paths", "contradictory velocities"}

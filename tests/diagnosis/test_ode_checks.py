"""What the checks of an ODE say of textbook data: sound ones, and those that no autonomous ODE can have made."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from skdyn import FIMODERegressor, ModelWarning, SparseODERegressor, Trajectories, Trajectory
from skdyn.datasets import load_hare_lynx, make_trajectories
from skdyn.diagnosis import Diagnosis
from skdyn.diagnosis.held import held_check
from skdyn.diagnosis.ode import all_checks, data_checks
from skdyn.diagnosis.outside import told_apart
from skdyn.diagnosis.simulation import reproduce

T = np.linspace(0, 20, 120)
HELD = np.arange(0, 40, 0.5)


def infused(shift=0, level=10.0, linear=False):
    """A concentration, exact at `HELD`, that an infusion of a level raises three hours of twelve."""
    rate, x = np.where((HELD + shift) % 12 < 3, level, 0.0), [0.0]
    for u in rate[:-1]:
        x.append(u / 8 + (x[-1] - u / 8) * np.exp(-0.1))
    return Trajectory(
        HELD, x, ("conc",), u=rate, input_names=["rate"], interpolation="linear" if linear else "previous"
    )


def evidence(pairs):
    return {check.name: check for check in data_checks(Trajectories(pairs))}


def logistic_map(count=100):
    x = [0.3]
    for _ in range(count - 1):
        x.append(3.8 * x[-1] * (1 - x[-1]))
    return np.array(x)[:, None]


def walk(seed=0):
    rng = np.random.default_rng(seed)
    x = np.zeros((150, 2))
    for i in range(149):
        x[i + 1] = x[i] - 0.05 * x[i] + rng.normal(size=2)
    return x


@pytest.mark.parametrize(
    ("system", "noise"),
    [("lotka_volterra", 0.0), ("lotka_volterra", 0.05), ("van_der_pol", 0.0), ("van_der_pol", 0.05), ("lorenz", 0.0),
     ("lorenz", 0.05)],
)  # fmt: skip
def test_sound_data_pass(system, noise):
    start = [1.0, 2.0, 20.0] if system == "lorenz" else [2.0, 0.5]
    times = np.linspace(0, 5, 150) if system == "lorenz" else T
    pairs = make_trajectories(system, [start], times, noise=noise, random_state=0)
    assert Diagnosis(tuple(data_checks(Trajectories(pairs)))).findings == ()


@pytest.mark.parametrize("given", [{"u": np.full(120, 0.1)}, {"p": 1e8}, {"u": np.zeros(120), "p": 0.1}])
def test_inputs_and_parameters_that_never_change_decide_nothing(given):
    pairs = make_trajectories("van_der_pol", [[2.0, 0.5], [0.5, 1.0]], T)
    *others, last = data_checks(Trajectories([Trajectory(t, x, **given) for t, x in pairs]))
    assert [check for check in others if check.name != "inputs between points"] == data_checks(Trajectories(pairs))
    assert last.failed


WAVE, STEPS = np.sin(0.7 * T), np.where(T % 8 < 4, 1.0, -1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"u": np.column_stack([WAVE, 3 - 2 * WAVE]), "input_names": ["u", "w"]}] * 3,
         "the variance of 'w' .* likely it follows from 'u': .* try one of them alone"),
        ([{"u": np.ones(120), "input_names": ["u"]}] * 3, "'u' .* it is the same throughout: .* or without it"),
        ([{"p": (a, 2 * a), "parameter_names": ["k", "c"]} for a in (0.5, 1.0, 2.0)],
         "'c' .* it follows from 'k': .* data in which they differ"),
        ([{"p": p, "parameter_names": ["k", "c"]} for p in ((0.5, 1.0), (1.0, 0.7), (0.5, 1.0))],
         "'c' .* it follows from 'k': .* by 2 different sets of parameters; try individuals with others, or fewer"),
        ([{"p": p, "parameter_names": ["male", "female"]} for p in ((0, 1), (1, 0), (0, 1))],
         "'female' .* 'male', 'female' sum to 1 throughout: each follows from the others; try leaving one of them out"),
        ([{"p": 0.3, "parameter_names": ["k"]}] * 3, "'k' .* it is the same throughout"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_apart_is_said(given, message):
    pairs = make_trajectories("van_der_pol", [[2.0, 0.5], [0.5, 1.0], [1.0, -1.0]], T)
    trials = [Trajectory(t, x, ("q", "v"), **own) for (t, x), own in zip(pairs, given, strict=True)]
    with pytest.warns(ModelWarning, match=f"(?s)inputs and parameters told apart: .*{message}"):
        est = SparseODERegressor(max_degree=1).fit(trials)
    assert [check.name for check in est.diagnose().findings if check.warned] == ["inputs and parameters told apart"]
    assert est.diagnose().adequate


def test_an_input_that_repeats_a_state_is_said():
    ((t, x),) = make_trajectories("van_der_pol", [[2.0, 0.5]], T)
    (check,) = told_apart(Trajectories([Trajectory(t, x, ("q", "v"), u=5 - 2 * x[:, 0], input_names=["feedback"])]))
    assert check.failed
    assert "it follows from 'q'" in check.likely


@pytest.mark.parametrize("given", [
    [{"u": np.column_stack([WAVE, STEPS])}] * 3,
    [{"u": WAVE, "p": p} for p in (0.5, 1.0, 2.0)],
    [{"p": p} for p in ((0.5, 1.0), (1.0, 0.7), (1.5, 1.5))],
])  # fmt: skip
def test_what_can_be_told_apart_passes_in_any_units(given):
    pairs = make_trajectories("van_der_pol", [[2.0, 0.5], [0.5, 1.0], [1.0, -1.0]], T)

    def check(scale, shift):
        own = [{name: scale * np.asarray(value) + shift for name, value in one.items()} for one in given]
        return told_apart(Trajectories([Trajectory(t, x, **g) for (t, x), g in zip(pairs, own, strict=True)]))[0]

    assert not check(1.0, 0.0).failed
    assert check(1e-6, 1.0).evidence == pytest.approx(check(1.0, 0.0).evidence, rel=1e-3)
    assert told_apart(Trajectories(pairs)) == []


def test_an_input_that_looks_switched_is_no_straight_line():
    with pytest.warns(ModelWarning, match=r"inputs between points: .* 'rate' rests, .* try interpolation='previous'"):
        est = SparseODERegressor(max_degree=1).fit([infused(shift, linear=True) for shift in (0, 2)])
    assert "inputs between points" in {check.name for check in est.diagnose().findings}
    held = SparseODERegressor(max_degree=1).fit([infused(0), infused(2)])
    assert held.equations() == ["d(conc)/dt = -0.2 conc + 0.025 rate"]
    assert held.diagnose().findings == ()


DIGITS = np.random.default_rng(0).integers(-1, 2, size=120).cumsum()


@pytest.mark.parametrize(
    ("u", "rests"),
    [(STEPS, True), (np.maximum(STEPS, 0) * (T % 3 < 1), True), (WAVE, False), (np.clip(T - 8, 0, 1), False),
     (np.ones(120), False), (np.round(20 + 8 * WAVE), False), (DIGITS, False)],
)  # fmt: skip
def test_which_inputs_look_held(u, rests):
    x = np.sin(T)[:, None]
    (check,) = held_check(
        Trajectories([Trajectory(T, x, u=np.column_stack([u, WAVE])), Trajectory(T, x, u=np.zeros((120, 2)))])
    )
    assert check.failed == rests


def test_held_inputs_and_sharp_bends_are_no_contradictions():
    assert not evidence([infused(0), infused(1), infused(2)])["contradictory velocities"].failed
    t = np.linspace(0, 6, 30)
    runs = [(t, solve_ivp(lambda _, x: x - x**3, (0, 6), [x0], t_eval=t, rtol=1e-9).y.T) for x0 in (-1.4, 1.4)]
    assert not evidence(runs)["contradictory velocities"].failed


def test_a_hidden_variable_behind_a_held_input_contradicts():
    x, steps = [np.array([0.0, 0.0])], STEPS
    move = expm(np.array([[0, 1, 0], [-1, -0.3, 1], [0, 0, 0]]) * T[1])[:2]
    for u in steps[:-1]:
        x.append(move @ [*x[-1], u])
    check = evidence([Trajectory(T, np.array(x)[:, :1], u=steps, interpolation="previous")])["contradictory velocities"]
    assert check.failed


def test_real_pelts_pass():
    pelts = load_hare_lynx()
    assert Diagnosis(tuple(data_checks(Trajectories([(pelts.t, pelts.x)])))).adequate


@pytest.mark.parametrize(
    ("name", "pairs", "likely"),
    [
        ("contradictory velocities", [(T, np.sin(T)[:, None])], "not observed"),
        ("contradictory velocities", [(T, (np.exp(-T / 8) + 0.3 * np.sin(2 * T))[:, None])], "not observed|input"),
        ("jumps from point to point", [(np.arange(100.0), logistic_map())], "a map, from which 100%"),
        ("jumps from point to point", [(T, np.random.default_rng(0).normal(size=(120, 2)))], "noise that hides"),
        ("rough paths", [(np.arange(150.0), walk())], "noise that drives"),
    ],
)
def test_what_no_autonomous_ode_makes_is_found(name, pairs, likely):
    check = evidence(pairs)[name]
    assert check.failed
    assert check.hopeless
    assert any(word in check.likely for word in likely.split("|"))
    assert check.advice


def test_one_compartment_that_rises_and_falls_is_warned_of_at_fit():
    t = np.linspace(0, 12, 60)
    x = (np.exp(-0.3 * t) - np.exp(-1.5 * t))[:, None]
    with pytest.warns(ModelWarning, match=r"contradictory velocities: .* \(> 0\.055\); likely .*; try .*diagnose\(\)"):
        SparseODERegressor().fit([(t, x)])


def test_the_warning_leaves_an_earlier_fit_whole_where_it_is_an_error(orbits):
    estimator = FIMODERegressor(device="cpu").fit(orbits)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ModelWarning)
        with pytest.raises(ModelWarning):
            estimator.fit(logistic_map())
    assert estimator.n_features_in_ == 2


def test_loading_does_not_warn_again(tmp_path):
    with pytest.warns(ModelWarning):
        FIMODERegressor(device="cpu").fit(logistic_map()).save(tmp_path / "saved")
    assert not FIMODERegressor.load(tmp_path / "saved").diagnose().adequate


def test_diagnose_tells_a_wrong_field_from_a_right_one():
    estimator = SparseODERegressor().fit(make_trajectories("van_der_pol", [[2.0, 0.0]], T))
    sound = estimator.diagnose()
    assert sound.findings == ()
    assert {"simulation", "white residuals", "points per cycle", "cycles", "clocks"} <= {c.name for c in sound.checks}
    wrong = Diagnosis(tuple(_checks_of(estimator, lambda x: 0.3 * x)))
    assert {"simulation", "white residuals"} <= {check.name for check in wrong.findings}
    assert wrong.adequate  # another field might do


def _checks_of(estimator, field):
    return all_checks(estimator.context_, field)


def test_the_recording_is_judged():
    t = np.linspace(0, 20, 46)
    coarse = SparseODERegressor(max_degree=1).fit([(t, np.column_stack([np.cos(2 * t), -2 * np.sin(2 * t)]))])
    assert "points per cycle" in {check.name for check in coarse.diagnose().findings}
    t = np.linspace(0, 4.5, 60)
    short = SparseODERegressor(max_degree=1).fit([(t, np.column_stack([np.cos(t), -np.sin(t)]))])
    assert "cycles" in {check.name for check in short.diagnose().findings}
    t = np.linspace(0, 30, 400)
    stiff = SparseODERegressor(max_degree=1).fit(
        [(t, np.column_stack([np.exp(-t / 40), np.cos(5 * t), np.sin(5 * t)]))]
    )
    assert "clocks" in {check.name for check in stiff.diagnose().findings}


def test_too_few_points_are_said_to_be_too_few():
    pairs = [(np.arange(4.0), np.random.default_rng(k).normal(size=(4, 2))) for k in range(20)]
    (check,) = data_checks(Trajectories(pairs))
    assert check.failed
    assert not check.hopeless


@given(
    log_scale=st.floats(-100, 100), shift=st.floats(-10, 10), log_pace=st.floats(-50, 50), start=st.floats(-1e3, 1e3)
)
def test_units_do_not_matter(log_scale, shift, log_pace, start):
    rng = np.random.default_rng(1)
    x = np.column_stack([np.cos(T), -np.sin(T) + 0.3 * T]) + 0.05 * rng.normal(size=(120, 2))
    size, pace = 10.0**log_scale, 10.0**log_pace
    plain, other = evidence([(T, x)]), evidence([(pace * (T + start), size * (x + shift))])
    for name, check in plain.items():
        assert other[name].evidence == pytest.approx(check.evidence, rel=1e-3, abs=1e-6)


def test_extreme_data_break_nothing():
    for size in (1e-300, 1e300):
        for check in data_checks(Trajectories([(T, size * np.column_stack([np.cos(T), np.zeros(120)]))])):
            assert not check.failed or check.name == "contradictory velocities"


def turning(x):
    return np.column_stack([x[:, 1], -x[:, 0]])


@pytest.mark.parametrize(("span", "points"), [(250, 4001), (1000, 20001), (3000, 60001)])
def test_a_long_and_fine_recording_is_no_map(span, points):
    t = np.linspace(0, span, points)
    context = Trajectories([(t, np.column_stack([np.cos(t), -np.sin(t)]))])
    checks = all_checks(context, turning)
    assert Diagnosis(tuple(checks)).findings == ()
    found = {check.name: check.evidence for check in checks}
    assert found["cycles"] == pytest.approx(span / (2 * np.pi), abs=2)
    assert found["points per cycle"] == pytest.approx(2 * np.pi * points / span, rel=0.01)
    assert found["simulation"] == pytest.approx(1.0)
    wrong = {check.name for check in all_checks(context, lambda x: 0.9 * turning(x)) if check.failed}
    assert wrong == {"simulation", "white residuals"}


def test_short_trajectories_beside_a_long_one_are_simulated_too():
    times = (np.linspace(0, 1000, 20001), np.linspace(0, 1, 2), np.linspace(0, 3, 12))
    found = reproduce(Trajectories([(t, np.column_stack([np.cos(t), -np.sin(t)])) for t in times]), turning)
    assert found.explained() == pytest.approx(1.0)
    assert [len(error) for error in found.errors[-3:]] == [1, 3, 2]


def test_what_is_wrong_with_a_long_recording_is_found():
    t = np.linspace(0, 1000, 20001)
    noise = np.random.default_rng(0).normal(size=(20001, 1))
    hidden, white, walk = np.sin(t)[:, None], noise, np.cumsum(noise, axis=0)
    assert evidence([(t, hidden)])["contradictory velocities"].failed
    assert evidence([(t, white)])["jumps from point to point"].failed
    assert evidence([(t, walk)])["rough paths"].failed


def test_trajectories_of_many_cycles_are_not_rough():
    starts = np.random.default_rng(0).uniform(5, 20, size=(4, 3))
    pairs = make_trajectories("lorenz", starts, np.linspace(0, 5, 240))
    assert Diagnosis(tuple(data_checks(Trajectories(pairs)))).findings == ()


def test_a_right_field_that_is_stiff_or_driven_explains_the_data():
    t = np.linspace(0, 10, 201)
    slow = 200 * (200 * np.sin(t) - np.cos(t)) / (200**2 + 1)
    stiff = reproduce(Trajectories([(t, np.column_stack([slow, t]))]),
                      lambda x: np.column_stack([-200 * (x[:, 0] - np.sin(x[:, 1])), np.ones(len(x))]))  # fmt: skip
    assert stiff.explained() == pytest.approx(1.0, abs=1e-6)
    t = np.linspace(0, 200, 8001)  # u = cos 2t
    driven = reproduce(Trajectories([Trajectory(t, np.sin(2 * t)[:, None] / 2, u=np.cos(2 * t))]), lambda x: x[:, 1:])
    assert driven.explained() == pytest.approx(1.0, abs=1e-4)


def test_a_field_that_runs_away_explains_nothing_and_one_that_never_arrives_is_not_judged():
    pairs = make_trajectories("van_der_pol", [[2.0, 0.0]], T)
    assert reproduce(Trajectories(pairs), lambda x: x**3).explained() < -100
    assert reproduce(Trajectories(pairs), lambda x: np.full_like(x, np.nan)).explained() < 0
    hopeless = reproduce(Trajectories(pairs), lambda x: 1e9 * np.sin(1e9 * x))
    assert np.isnan(hopeless.explained())
    assert np.isnan(hopeless.correlation(np.ones(2)))

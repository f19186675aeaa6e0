"""Equilibria and terms with evidence, and printed equations, as the estimators give them."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from skdyn import FIMODERegressor, FIMSDERegressor, SparseODERegressor
from skdyn.data.trajectories import Trajectories, Trajectory
from skdyn.datasets import load_hare_lynx
from skdyn.datasets.classics import make_trajectories
from skdyn.dynamics.equilibria import SUPPORTED
from tests.cli.conftest import TINY
from tests.sparse.reading import read_equations

T = np.linspace(0.0, 10.0, 100)
CIRCLE = np.column_stack([np.cos(2 * T), -2 * np.sin(2 * T)])


def growth(until):
    """Logistic growth to ten, noisy, observed until the given share of it is reached."""
    t = np.linspace(0.0, np.log(9 * until / (1 - until)), 60)
    return t, 10 / (1 + 9 * np.exp(-t)) * (1 + 0.01 * np.random.default_rng(0).standard_normal(60))


@pytest.fixture(scope="module")
def pelts():
    data = load_hare_lynx()
    context = [Trajectory(data.t, data.x, ("hare", "lynx"))]
    return context, FIMODERegressor(device="cpu", refine="sparse").fit(context)


def test_equilibria_that_the_data_support(pelts):
    _, refined = pelts
    points = refined.equilibria()
    assert [point.kind for point in points] == ["saddle", "centre"]
    assert all(point.probability >= SUPPORTED and not point.extrapolated for point in points)
    centre = points[1]
    assert centre.covariance.shape == (2, 2)
    assert 0 < np.sqrt(centre.covariance[0, 0]) < 15
    assert sum(centre.kinds.values()) == pytest.approx(centre.probability)


def test_what_noise_alone_suggests_is_left_out(pelts):
    rng = np.random.default_rng(0)
    context = [(np.arange(40.0), rng.standard_normal((40, 2)).cumsum(axis=0))]
    estimator = FIMODERegressor(device="cpu").fit(context)
    every, supported = estimator.equilibria(supported="all"), estimator.equilibria()
    assert len(supported) < len(every)
    assert all(0 <= point.probability <= 1 for point in every)
    chosen = [point.state.tolist() for point in every if point.supported]
    assert [point.state.tolist() for point in supported] == chosen
    again = estimator.equilibria(supported="all")
    assert [point.probability for point in again] == [point.probability for point in every]


def test_the_end_of_a_growth_curve_lies_beyond_the_data():
    t, x = growth(0.72)
    estimator = SparseODERegressor(max_degree=2).fit([(t, x)])
    end = estimator.equilibria()[-1]
    assert end.state[0] == pytest.approx(10, rel=0.1)
    assert end.extrapolated
    assert not end.inside
    assert end.kind == "stable node"
    t, x = growth(0.98)
    assert not SparseODERegressor(max_degree=2).fit([(t, x)]).equilibria()[-1].extrapolated


def test_an_error_alone_is_evidence_too():
    rng = np.random.default_rng(0)
    x = np.zeros((400, 1))
    for i in range(399):
        x[i + 1] = x[i] - 0.05 * x[i] + np.sqrt(0.05) * rng.standard_normal()
    every = FIMSDERegressor(device="cpu").fit(x, t=0.05).equilibria(supported="all")
    assert every
    assert all(point.probability is not None for point in every)


def test_unknown_support_is_refused(pelts):
    with pytest.raises(ValueError, match="supported must be 'evidence' or 'all', got 'some'"):
        pelts[1].equilibria(supported="some")


def test_terms_with_evidence(pelts):
    _, refined = pelts
    evidence = refined.equation_evidence(20)
    assert [(term.variable, term.term) for term in evidence.terms] == [
        ("hare", "hare"),
        ("hare", "hare lynx"),
        ("lynx", "lynx"),
        ("lynx", "hare lynx"),
    ]
    assert all(term.supported and term.standard_error > 0 for term in evidence.terms)
    assert evidence.terms[0].coefficient == pytest.approx(0.573, abs=1e-3)
    assert all(0.2 <= term.share <= 1 and term.coefficient == 0 for term in evidence.others)
    lines = str(evidence).splitlines()
    assert lines[0].split()[-3:] == ["fits", "of", "20"]
    assert lines[1].startswith("d(hare)/dt  hare ")
    assert lines[-1].startswith("exactly these terms in ")
    assert refined.equation_evidence(20) == evidence
    assert refined.equation_evidence(20, n_jobs=2) == evidence


def test_no_evidence_without_a_search(pelts):
    context, _ = pelts
    with pytest.raises(ValueError, match=r"not searched for.*use refine='sparse'"):
        FIMODERegressor(device="cpu").fit(context).equation_evidence()
    with pytest.raises(ValueError, match="n_fits must be a positive integer, got 0"):
        pelts[1].equation_evidence(0)


def test_standard_errors_latex_and_alternatives(pelts):
    _, refined = pelts
    first, second = refined.equations(2, standard_errors=True)
    assert first == "d(hare)/dt = (0.57 +/- 0.1) hare - (0.026 +/- 0.0049) hare lynx"
    assert second.startswith("d(lynx)/dt = -(0.89 +/- ")
    assert refined.to_latex(2) == (
        "\\begin{aligned}\n"
        "\\frac{d\\mathrm{hare}}{dt} &= 0.57\\,\\mathrm{hare} - 0.026\\,\\mathrm{hare}\\,\\mathrm{lynx} \\\\\n"
        "\\frac{d\\mathrm{lynx}}{dt} &= -0.89\\,\\mathrm{lynx} + 0.025\\,\\mathrm{hare}\\,\\mathrm{lynx}\n"
        "\\end{aligned}"
    )
    dated = SparseODERegressor(library="x0, x1").fit(Trajectories([(T, CIRCLE)], time_unit="day"))
    assert dated.to_latex().splitlines()[1].startswith(r"\frac{dx_{0}}{dt}\ [\text{per day}] &= ")
    t = np.linspace(0, 12, 120)
    pairs = make_trajectories("van_der_pol", [[2.0, 0.0], [0.5, 1.0]], t, noise=0.02, random_state=0)
    estimator = SparseODERegressor().fit([Trajectory(t, x, ("q", "v")) for t, x in pairs])
    others = estimator.alternative_equations(3)
    assert len(others) == len(estimator.equations_.alternatives) > 0
    assert all(line.startswith(f"d({name})/dt = ") for lines in others for name, line in zip("qv", lines, strict=True))
    assert estimator.equations(3) not in others


def test_precision_is_checked(pelts):
    for bad in (0, 2.5, True):
        with pytest.raises(ValueError, match="precision must be a positive integer"):
            pelts[1].equations(bad)
    assert "0.57306698041163" in pelts[1].equations(40)[0]


@pytest.mark.parametrize("level", [0.0, 1234567.8, 1.7e9])
@pytest.mark.parametrize("unit", [1.0, 1e-3])
def test_the_printed_equations_are_those_that_predict(level, unit):
    x = unit * CIRCLE + level
    estimator = SparseODERegressor().fit([(T, x)])
    printed = read_equations(estimator.equations(), ["x0", "x1"])
    truth = estimator.predict(x)
    assert (np.abs(printed(x) - truth).max(axis=0) <= 1.01e-3 * np.sqrt(np.mean(truth**2, axis=0))).all()


def test_functions_are_printed_as_they_predict():
    swing = solve_ivp(lambda _, x: [x[1], -1.3 * np.sin(x[0]) - 0.1 * x[1]], (0, 10), [2.0, 0.0], t_eval=T, rtol=1e-9)
    estimator = SparseODERegressor().fit([(T, swing.y.T)])
    assert "sin(" in estimator.equations()[1]
    truth = estimator.predict(swing.y.T)
    printed = read_equations(estimator.equations(), ["x0", "x1"])(swing.y.T)
    assert (np.abs(printed - truth).max(axis=0) <= 1.01e-3 * np.sqrt(np.mean(truth**2, axis=0))).all()


def test_equations_are_those_of_what_is_used(pelts, monkeypatch):
    context, refined = pelts
    monkeypatch.setattr(FIMODERegressor, "_is_surer", lambda *_: True)
    assert FIMODERegressor(device="cpu", refine="auto").fit(context).equations() == refined.equations()
    monkeypatch.setattr(FIMODERegressor, "_is_surer", lambda *_: False)
    unused = FIMODERegressor(TINY["ode"], device="cpu", refine="auto").fit(context)
    with pytest.raises(ValueError, match=r"weighs no sparse fits .* predicts the larger error of itself, is not used"):
        unused.equations()
    with pytest.raises(ValueError, match="not in use"):
        unused.equation_evidence()
    assert len(unused.refinement_.equations()) == 2
    clean = solve_ivp(lambda _, x: [1.1 * x[0] - 0.4 * x[0] * x[1], 0.1 * x[0] * x[1] - 0.4 * x[1]], (0, 15), [10, 5],
                      t_eval=np.linspace(0, 15, 150), rtol=1e-9)  # fmt: skip
    in_one_pass = FIMODERegressor(device="cpu", refine="auto").fit([(clean.t, clean.y.T)])
    assert in_one_pass.equations(2) == FIMODERegressor(device="cpu").fit([(clean.t, clean.y.T)]).equations(2)
    assert not in_one_pass.refined_

"""Fields, equilibria and simulations of a pipeline in the variables that were measured."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, PowerTransformer, StandardScaler

from skdyn import FIMODERegressor, FIMSDERegressor, SparseODERegressor, Trajectories, Trajectory, TrajectoryError
from skdyn.exceptions import ConvergenceWarning
from skdyn.preprocessing import OriginalVariables, PerVariable, TimeDelayEmbedding

T = np.linspace(0, 6, 80)
SPIRAL = np.column_stack([np.exp(-0.3 * T) * np.cos(2 * T), np.exp(-0.3 * T) * np.sin(2 * T)])
MATRIX = np.array([[-0.3, -2.0], [2.0, -0.3]])


def linear(shift, scale):
    return [(T, shift + scale * SPIRAL)]


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (-8.0, 0.02), (3.0, 70.0)])
def test_scaled_fields_come_back(shift, scale):
    pipeline = make_pipeline(PerVariable(StandardScaler()), SparseODERegressor(library="polynomial"))
    pipeline.fit(linear(shift, scale))
    view = OriginalVariables(pipeline)
    points = shift + scale * np.array([[[0.5, 0.1], [-0.2, 0.3]]])
    truth = (points - shift) @ MATRIX.T
    np.testing.assert_allclose(view.vector_field(points), truth, atol=1e-3 * scale)
    (rest,) = view.equilibria(supported="all")
    np.testing.assert_allclose(rest.state, [shift, shift], atol=1e-3 * scale)
    np.testing.assert_allclose(np.sort_complex(rest.eigenvalues), [-0.3 - 2j, -0.3 + 2j], atol=1e-3)
    assert rest.residual < 1e-6 * scale
    path = view.simulate(shift + scale * SPIRAL[0], T)
    np.testing.assert_allclose(path, shift + scale * SPIRAL, atol=1e-3 * scale)


def test_a_nonlinear_transformer_by_the_chain_rule():
    mass = np.exp(2 - 3 * np.exp(-T))
    pipeline = make_pipeline(
        PerVariable(FunctionTransformer(np.log, np.exp)), SparseODERegressor(library="polynomial")
    ).fit([(T, mass)])
    view = OriginalVariables(pipeline)
    points = np.array([[1.0], [5.0], [7.0]])
    np.testing.assert_allclose(view.vector_field(points), points * (2 - np.log(points)), rtol=1e-4)
    simulated = view.simulate([[0.5], [9.0]], T)
    assert simulated.shape == (2, 80, 1)
    assert (simulated > 0).all()
    (rest,) = view.equilibria(supported="all")
    assert rest.state == pytest.approx([np.exp(2)], rel=1e-3)


def test_the_drift_of_an_sde_follows_the_rule_of_ito():
    rng = np.random.default_rng(0)
    logs = np.cumsum(rng.multivariate_normal([0.001, 0.0], 0.01 * np.array([[1.0, 0.6], [0.6, 1.0]]), 300), axis=0)
    logs = logs - 0.02 * np.cumsum(logs, axis=0) / 10
    pipeline = make_pipeline(PerVariable(FunctionTransformer(np.log, np.exp)), FIMSDERegressor())
    view = OriginalVariables(pipeline.fit([(0.1 * np.arange(300), np.exp(logs))]))
    rows = logs[::60]
    drift, noise = pipeline[-1].vector_field(rows), pipeline[-1].diffusion(rows)
    truth = np.exp(rows) * (drift + noise**2 / 2)  # of exp(z), of which each depends on one variable alone
    np.testing.assert_allclose(view.vector_field(np.exp(rows)), truth, rtol=1e-4, atol=1e-6 * np.abs(truth).max())
    with pytest.raises(ValueError, match="the drift of measured variables vanishes elsewhere"):
        view.equilibria()
    straight = make_pipeline(PerVariable(StandardScaler()), FIMSDERegressor()).fit([(0.1 * np.arange(300), logs)])
    field = straight[-1].vector_field(straight[0].transform([(0.1 * np.arange(300), logs)]).states[0][:3])
    np.testing.assert_allclose(
        OriginalVariables(straight).vector_field(logs[:3]), field * straight[0].transformer_.scale_, rtol=1e-6
    )
    OriginalVariables(straight).equilibria()


def test_regions_follow_the_transformation():
    data = linear(3.0, 5.0)
    plain = FIMODERegressor().fit(data)
    scaled = make_pipeline(PerVariable(StandardScaler()), FIMODERegressor()).fit(data)
    inner, outer = scaled[-1].equilibria(), OriginalVariables(scaled).equilibria()
    assert len(inner) == len(outer) == len(plain.equilibria()) == 1
    deviations = np.concatenate([x for _, x in Trajectories(data)]).std(axis=0)
    np.testing.assert_allclose(outer[0].covariance, inner[0].covariance * np.outer(deviations, deviations), rtol=1e-6)
    assert outer[0].probability == inner[0].probability


def test_several_steps_and_fewer_components():
    plane = SPIRAL @ np.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]])
    pipeline = make_pipeline(
        PerVariable(StandardScaler()), "passthrough", PerVariable(PCA(2)), SparseODERegressor(library="polynomial")
    ).fit([(T, plane)])
    view = OriginalVariables(pipeline)
    field = view.vector_field(plane[10:12])
    rates = (SPIRAL[10:12] @ MATRIX.T) @ np.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]])
    np.testing.assert_allclose(field, rates, atol=1e-3)
    (rest,) = view.equilibria(supported="all")
    assert rest.state.shape == (3,)


def test_inputs_reach_the_estimator():
    u = np.sin(T)
    x = np.zeros(80)
    for k in range(79):
        h = T[k + 1] - T[k]
        x[k + 1] = x[k] + h * (-x[k] + (u[k] + u[k + 1]) / 2)
    item = Trajectory(T, x, u=u, input_names=["push"])
    pipeline = make_pipeline(PerVariable(StandardScaler()), FIMODERegressor()).fit([item])
    view = OriginalVariables(pipeline)
    np.testing.assert_allclose(view.vector_field([0.2], inputs={"push": 0.5}), [0.3], atol=0.05)
    assert view.simulate([0.0], T, inputs=u).shape == (80, 1)
    (rest,) = view.equilibria(inputs={"push": 0.3}, supported="all")
    assert rest.state == pytest.approx([0.3], abs=0.05)


def test_names_put_states_in_order():
    frame = pd.DataFrame({"t": T, "a": SPIRAL[:, 0], "b": 5 - 3 * SPIRAL[:, 1]})
    pipeline = make_pipeline(PerVariable(StandardScaler()), SparseODERegressor(library="polynomial"))
    view = OriginalVariables(pipeline.fit(frame))
    states = pd.DataFrame({"b": [6.0], "a": [0.5]})
    np.testing.assert_array_equal(view.vector_field(states), view.vector_field([[0.5, 6.0]]))
    np.testing.assert_array_equal(view.vector_field(states.iloc[0]), view.vector_field([0.5, 6.0]))
    np.testing.assert_array_equal(view.simulate(states, T[:5]), view.simulate([[0.5, 6.0]], T[:5]))
    np.testing.assert_array_equal(view.simulate(states.iloc[0], T[:5]), view.simulate([0.5, 6.0], T[:5]))
    swapped = Trajectories(frame[["t", "b", "a"]])
    np.testing.assert_array_equal(view.vector_field(swapped), view.vector_field(Trajectories(frame)))
    for method in (view.vector_field, lambda x: view.simulate(x, T[:5])):
        with pytest.raises(TrajectoryError, match="unknown: 'zzz'; missing: 'a'"):
            method(states.rename(columns={"a": "zzz"}))


def test_states_of_another_shape_are_refused_by_name():
    view = OriginalVariables(
        make_pipeline("passthrough", PerVariable(StandardScaler()), SparseODERegressor(library="x0, x1")).fit(
            linear(0.0, 1.0)
        )
    )
    assert view.simulate([1.0, 0.0], T[:3]).shape == (3, 2)
    for wrong in (1.0, [1.0, 2.0, 3.0]):
        with pytest.raises(TrajectoryError, match=r"points has shape .* fitted on 2 variables: expected \(\.\.\., 2\)"):
            view.vector_field(wrong)
        with pytest.raises(TrajectoryError, match=r"x0 has shape .* fitted on 2 variables"):
            view.simulate(wrong, T[:3])
    with pytest.raises(TrajectoryError, match=r"x0 has shape \(2, 2, 2\): expected \(D,\) or \(N, D\)"):
        view.simulate(np.ones((2, 2, 2)), T[:3])


def test_delays_go_on_from_a_past():
    cosine = Trajectories([(T, np.cos(3 * T))])
    pipeline = make_pipeline(TimeDelayEmbedding(n_delays=1, lag=6), SparseODERegressor(library="polynomial"))
    view = OriginalVariables(pipeline.fit(cosine))
    path = view.simulate(cosine, T[:20])
    np.testing.assert_allclose(path[0, :, 0], np.cos(3 * (T[-1] + T[:20])), atol=0.02)
    field = view.vector_field(cosine)
    np.testing.assert_allclose(field[:, 0], -3 * np.sin(3 * T[6:]), atol=0.05)
    rest = view.equilibria(supported="all")
    assert any(np.abs(point.state).max() < 1e-3 for point in rest)
    with pytest.raises(TrajectoryError, match="x0 must be Trajectories, whose points have the past"):
        view.simulate([1.0], T[:20])


def test_what_diverges_is_nan():
    pipeline = make_pipeline(PerVariable(PowerTransformer()), SparseODERegressor(library="x0, x0^2"))
    mass = 1 / (1 - 0.15 * T)
    view = OriginalVariables(pipeline.fit([(T, mass)]))

    class Diverged:
        context_ = pipeline[-1].context_

        def simulate(self, x0, t):
            return np.full((len(t), 1), np.nan)

    view._estimator = Diverged()
    assert np.isnan(view.simulate([1.0], T)).all()


def logarithms_of_positive(y):
    return np.log(np.where(y > 0, y, np.nan))


def test_what_no_measured_state_has_is_left_out_and_said():
    # y' = -(y + 1) for y = exp(x): it passes zero, of which there is no logarithm, on the way to -1.
    t = np.linspace(0, 2.5, 60)
    pipeline = make_pipeline(
        PerVariable(FunctionTransformer(np.exp, logarithms_of_positive, check_inverse=False)),
        SparseODERegressor(library="1, x0"),
    )
    view = OriginalVariables(pipeline.fit([(t, np.log(21 * np.exp(-t) - 1))]))
    with pytest.warns(ConvergenceWarning, match="1 of 1 equilibria of the transformed variables cannot"):
        assert view.equilibria(supported="all") == []
    times = np.linspace(0, 5, 11)
    with pytest.warns(ConvergenceWarning, match="4 of 11 simulated states cannot be transformed back"):
        path = view.simulate([np.log(20.0)], times)
    np.testing.assert_allclose(path[:7, 0], np.log(21 * np.exp(-times[:7]) - 1), atol=1e-3)
    assert np.isnan(path[7:]).all()


def test_an_equilibrium_at_the_edge_of_the_measured_states_fails_no_call():
    pipeline = make_pipeline(PerVariable(FunctionTransformer(np.square, np.sqrt)), SparseODERegressor(library="x0"))
    view = OriginalVariables(pipeline.fit([(T, np.exp(-T / 2))]))
    with pytest.warns(ConvergenceWarning, match="1 of 1 equilibria of the transformed variables cannot"):
        assert view.equilibria(supported="all") == []


def test_what_cannot_be_viewed_is_refused():
    est = SparseODERegressor(library="polynomial").fit(linear(0.0, 1.0))
    with pytest.raises(TypeError, match="SparseODERegressor is no pipeline"):
        OriginalVariables(est)
    with pytest.raises(NotFittedError):
        OriginalVariables(make_pipeline(PerVariable(StandardScaler()), SparseODERegressor()))

    class OneWay(PerVariable):
        inverse_transform = property()

    pipeline = make_pipeline(OneWay(StandardScaler()), SparseODERegressor(library="polynomial")).fit(linear(0.0, 1.0))
    with pytest.raises(TypeError, match="'oneway' of the pipeline has no inverse_transform"):
        OriginalVariables(pipeline)


@pytest.mark.parametrize(
    "forgotten",
    [
        FunctionTransformer(np.log),
        FunctionTransformer(np.log, np.expm1, check_inverse=False),
        FunctionTransformer(np.sqrt),
        FunctionTransformer(np.square, lambda z: -np.abs(z) - 9, check_inverse=False),
    ],
)
@pytest.mark.parametrize("later", [[], [PerVariable(StandardScaler())]])
def test_an_inverse_that_is_none_is_refused(forgotten, later):
    mass = np.exp(2 - 3 * np.exp(-T))
    pipeline = make_pipeline(PerVariable(forgotten), *later, SparseODERegressor(library="1, x0"))
    with pytest.raises(TypeError, match=r"'pervariable(-1)?' of the pipeline does not undo its transform: .* differ by "
                       r"up to [\d.e+]+ deviations\. .* FunctionTransformer\(func, inverse_func\)"):  # fmt: skip
        OriginalVariables(pipeline.fit([(T, mass)]))


def test_a_transformer_without_an_inverse_is_refused():
    pipeline = make_pipeline(PerVariable(PolynomialFeatures(1)), SparseODERegressor(library="1, x0, x1"))
    with pytest.raises(TypeError, match="'pervariable' of the pipeline has no inverse_transform"):
        OriginalVariables(pipeline.fit(linear(0.0, 1.0)))


def test_states_that_later_components_carry_out_of_reach_are_not_held_against_an_inverse():
    exponential = FunctionTransformer(np.exp, logarithms_of_positive, check_inverse=False)
    pipeline = make_pipeline(PerVariable(exponential), PerVariable(PCA(1)), SparseODERegressor(library="1, x0"))
    x = np.column_stack([2 * np.cos(4 * T), -2 * np.cos(4 * T)])
    view = OriginalVariables(pipeline.fit([(T, x)]))
    assert (pipeline[1].inverse_transform(pipeline[:2].transform(x)) <= 0).any()
    assert view.vector_field([0.0, 0.0]).shape == (2,)


def test_trajectories_bring_their_own_inputs():
    t = np.linspace(0, 8, 160)
    item = Trajectory(t, np.exp(-t) + 0.3 * t, u=0.3 * t + 0.3, input_names=["push"])  # x' = push - x
    pipeline = make_pipeline(PerVariable(StandardScaler()), FIMODERegressor()).fit([item])
    view = OriginalVariables(pipeline)
    own = view.vector_field(Trajectories([item]))
    at_states = view.vector_field(item.x[:, None], inputs=item.u)
    np.testing.assert_allclose(own, at_states, rtol=1e-6)
    np.testing.assert_allclose(own[:, 0], 0.3 - np.exp(-t), atol=0.05)
    with pytest.raises(ValueError, match=r"have their own inputs: leave these out, or ask at states: vector_field\("):
        view.vector_field(Trajectories([item]), inputs=0.4)
    with pytest.raises(TypeError, match=r"vector_field\(\) got an unexpected keyword argument 'return_std'"):
        view.vector_field(item.x[:, None], return_std=True, inputs=item.u)

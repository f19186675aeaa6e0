"""What is said of equilibria when the field is one of many plausible ones."""

from dataclasses import replace

import numpy as np
import pytest

from skdyn.dynamics.equilibria import find_equilibria
from skdyn.dynamics.evidence import _cloud, wavy_fields, weigh_equilibria

UNIT = np.ones(1)


def found_of(field, jacobian, dim, box=2.0):
    data = np.random.default_rng(0).uniform(-box, box, (50, dim))
    bounds = np.array([[-box] * dim, [box] * dim])
    return find_equilibria(field, lambda x: (field(x), jacobian(x)), data, bounds, np.zeros(dim), np.ones(dim))


def line(shift):
    """The one equilibrium of ``x' = shift - x``."""
    return found_of(lambda x: shift - x, lambda x: -np.ones((len(x), 1, 1)), 1)


def test_the_probability_is_the_share_of_fields_that_have_it():
    shifts = np.concatenate([np.linspace(-0.2, 0.2, 30), np.full(10, 1.5)])
    (point,) = weigh_equilibria(line(0.0), lambda x: shifts[:, None, None] - x, UNIT, 1e-3)
    assert point.probability == 0.75
    assert point.kinds == {"stable node": 0.75}
    assert point.covariance[0, 0] == pytest.approx(np.mean(np.linspace(-0.2, 0.2, 30) ** 2))
    assert point.kind_is_clear


def test_distances_are_in_the_units_of_the_data():
    shifts = np.linspace(-20.0, 20.0, 20)
    points = line(0.0)
    near = weigh_equilibria(points, lambda x: shifts[:, None, None] - x, np.array([100.0]), 1e-3)
    far = weigh_equilibria(points, lambda x: shifts[:, None, None] - x, np.array([1.0]), 1e-3)
    assert near[0].probability == 1.0
    assert far[0].probability == 0.0
    assert far[0].kinds == {}
    assert far[0].covariance is None


def test_a_field_without_a_zero_has_none():
    shifts = np.linspace(-0.1, 0.1, 40)
    found = found_of(lambda x: x**2 - 1e-4, lambda x: 2 * x[..., None], 1)
    assert [point.kind for point in found] == ["stable node", "unstable node"]
    for point in weigh_equilibria(found, lambda x: x**2 + shifts[:, None, None], UNIT, 1e-3):
        assert point.probability == 0.5


def test_the_kind_may_be_open_while_the_equilibrium_is_not():
    growth = np.linspace(-0.1, 0.3, 40)[:, None, None]

    def fields(x):
        turned = np.stack([x[..., 1], -x[..., 0]], axis=-1)
        return growth * x + turned

    def spiral(x):
        return 0.1 * x + x[:, ::-1] * [1.0, -1.0]

    matrix = np.array([[0.1, 1.0], [-1.0, 0.1]])
    found = found_of(spiral, lambda x: np.tile(matrix, (len(x), 1, 1)), 2)
    (point,) = weigh_equilibria(found, fields, np.ones(2), 1e-3)
    assert point.probability == 1.0
    assert point.supported
    assert list(point.kinds) == ["unstable spiral", "stable spiral"]
    assert sum(point.kinds.values()) == pytest.approx(1.0)
    assert not point.kind_is_clear


@pytest.mark.parametrize("dim", [1, 3, 8, 9, 30])
def test_the_cloud_fills_the_ball_with_few_states(dim):
    cloud = _cloud(dim)
    radii = np.linalg.norm(cloud, axis=1)
    assert radii[0] == 0
    assert 32 < len(cloud) < 80
    assert 0.9 < radii.max() <= 1 + 1e-12
    assert np.median(radii) == pytest.approx(0.5 ** (1 / dim), abs=0.1)
    np.testing.assert_allclose(cloud.mean(axis=0), 0, atol=0.15)


def test_a_held_variable_has_no_part():
    shifts, noise = np.linspace(-0.2, 0.2, 40)[:, None], np.linspace(-1.0, 1.0, 40)[:, None]
    point = replace(line(0.0)[0], state=np.array([0.0, 3.0]), held=(1,))

    def fields(x):
        return np.stack([shifts - x[..., 0] + x[..., 1] - 3.0, noise * (x[..., 1] - 2.0)], axis=-1)

    (weighed,) = weigh_equilibria([point], fields, np.ones(2), 1e-3)
    assert weighed.kinds == {"stable node": 1.0}
    np.testing.assert_allclose(weighed.covariance, [[np.mean(shifts**2), 0], [0, 0]], atol=1e-12)


def test_a_saddle_is_no_evidence_for_a_node():
    slopes = np.where(np.arange(40) < 10, 1.0, -1.0)[:, None, None]
    (point,) = weigh_equilibria(line(0.0), lambda x: slopes * x, UNIT, 1e-3)
    assert point.probability == 0.75


def test_fields_that_cannot_be_computed_have_none():
    def fields(x):
        values = np.repeat(-x, 40, axis=0) if len(x) == 1 else -x
        values = values.copy()
        values[:10] = np.nan
        return values

    (point,) = weigh_equilibria(line(0.0), fields, UNIT, 1e-3)
    assert point.probability == 0.75


def test_nothing_to_weigh():
    assert weigh_equilibria([], lambda x: x, UNIT, 1e-3) == []


def test_without_probabilities_everything_is_supported():
    (point,) = line(0.0)
    assert point.supported
    assert point.kind_is_clear
    assert replace(point, probability=0.49).supported is False
    assert replace(point, probability=0.5).supported
    beyond = replace(point, inside=False)
    assert replace(beyond, probability=0.89).supported is False
    assert replace(beyond, probability=0.9).supported


def test_wavy_fields_have_the_deviation_that_the_error_predicts():
    fields = wavy_fields(lambda x: (np.sin(x), np.full(x.shape, 0.3)), np.array([2.0]), 1, 4000, 0)
    points = np.array([[[0.0], [1.0], [5.0]]])
    values = fields(points)
    assert values.shape == (4000, 3, 1)
    np.testing.assert_allclose(values.mean(axis=0), np.sin(points[0]), atol=0.03)
    np.testing.assert_allclose(values.std(axis=0), np.sqrt(2) * 0.3, rtol=0.05)
    own = np.repeat(points, 4000, axis=0)
    np.testing.assert_allclose(fields(own), values)

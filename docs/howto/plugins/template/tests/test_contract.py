"""The estimator against skdyn's contract and scikit-learn's suite."""

import numpy as np
import pytest
from skdyn_template import TemplateRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdyn
from skdyn.testing import dynamics_checks


@pytest.mark.parametrize(
    "check", [pytest.param(check, id=name) for name, check in dynamics_checks(TemplateRegressor())]
)
def test_contract(check):
    check(TemplateRegressor())


@parametrize_with_checks([TemplateRegressor()])
def test_scikit_learn(estimator, check):
    check(estimator)


def test_it_is_found_by_its_entry_point():
    assert type(skdyn.make_estimator("template")) is TemplateRegressor


def test_it_finds_a_linear_system():
    t = np.linspace(0, 5, 200)
    x = np.column_stack([np.exp(-t), np.exp(-2 * t) + 1])
    np.testing.assert_allclose(TemplateRegressor().fit([(t, x)]).matrix_, np.diag([-1.0, -2.0]), atol=0.01)


def test_a_parameter_that_is_refused():
    with pytest.raises(ValueError, match="ridge must be positive and finite, got -1"):
        TemplateRegressor(ridge=-1).fit([np.arange(5.0)[:, None]])

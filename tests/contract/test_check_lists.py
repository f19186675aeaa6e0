"""Every check that is written is in a list, so that none is forgotten."""

import inspect

import pytest

from skdyn.testing import agreement, common, experts, fields, forecasters

LISTED = {
    agreement: agreement.AGREEMENT_CHECKS,
    common: common.SHARED_CHECKS,
    fields: (*fields.FIELD_CHECKS, *fields.SYMMETRY_CHECKS.values(), *fields.STOCHASTIC_CHECKS),
    experts: experts.EXPERT_CHECKS,
    forecasters: forecasters.FORECASTER_CHECKS,
}
DOORS = {"check_dynamics_estimator", "check_expert", "check_forecaster"}  # they run the lists


@pytest.mark.parametrize("module", LISTED, ids=lambda module: module.__name__)
def test_every_check_of_a_module_is_listed_once(module):
    written = [
        name
        for name, value in vars(module).items()
        if name.startswith("check_") and inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    assert sorted(check.__name__ for check in LISTED[module]) == sorted(set(written) - DOORS)

import micro
import pytest

from pretrain.fim_ode import train
from pretrain.ode.task import FIMODETask
from pretrain.run.schedule import StepClock

ERRORS = {"prior/mean": 0.5, "classics/pendulum/context_clean": 0.25}


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The folder of a finished run of FIM-ODE, which tests must not modify."""
    out = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FIMODETask, "validate", lambda self: ERRORS)
        assert train(micro.ODE, out, minutes=12 / 60, clock=StepClock(1.0)) == "finished"
    return out

"""A real Ctrl-C in the midst of long work: it ends at once, and the estimator is as it was."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DUMMIES = Path(__file__).parents[1] / "dummy"
START = f"""
import numpy as np
from skdyn import *
from pathlib import Path
rng = np.random.default_rng(0)
DUMMIES = Path({str(DUMMIES)!r})
t = np.linspace(0, 6, 60)
x = np.column_stack([np.cos(t), -np.sin(t)])
many = np.column_stack([np.cos((1 + 0.3 * d) * t + d) for d in range(20)]) + 0.02 * rng.normal(size=(60, 20))
frames = np.column_stack([np.cos(t + d) for d in range(12)])
def grainer(epochs):
    return FIMCoarseGrainer(
        model=DUMMIES / "fim-sde-16d", hidden=(4,), max_iter=epochs, context_size=40, n_queries=8, tol=0.0,
        n_iter_no_change=10**9, device="cpu",
    )
"""
WORK = {
    "a sparse fit": (
        "est = SparseODERegressor(max_degree=2).fit([(t, x)])",
        "est.fit([(t, many)])",
    ),
    "training of an autoencoder": (
        "est = grainer(1).fit([(t, frames)]); est.set_params(max_iter=10**6)",
        "est.fit([(t, frames)])",
    ),
    "a simulation": (
        "est = FIMODERegressor(device='cpu').fit([(t, x)])",
        "est.simulate([1.0, 0.0], np.linspace(0, 1e6, 10**5))",
    ),
    "a stochastic simulation": (
        "est = FIMSDERegressor(device='cpu').fit([(t, x)])",
        "est.simulate([1.0, 0.0], np.linspace(0, 1e3, 10**5), substeps=1)",
    ),
    "a far forecast": (
        "est = LASSODEForecaster(device='cpu').fit([(t, x)])",
        "[est.predict([1600.0 - k]) for k in range(300)]",
    ),
    "a fine-tuning": (
        "est = LASSODEForecaster(device='cpu').fit([(t, x)]); est.set_params(fine_tune={'epochs': 1000})",
        "est.fit([(t, x)] * 60)",
    ),
}
ASK = """
def state():
    return {name: repr(value) for name, value in vars(est).items() if name.endswith("_")}, list(vars(est))
before = state()
print("begun", flush=True)
try:
    WORK
    print("it came to its end")
except KeyboardInterrupt:
    print("interrupted", state() == before)
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.skipif(os.name == "nt", reason="signals are of POSIX")
@pytest.mark.parametrize("name", WORK)
def test_an_interrupt_ends_the_work_and_leaves_the_estimator(name):
    prepare, work = WORK[name]
    code = START + prepare + ASK.replace("WORK", work)
    command = [sys.executable, "-W", "ignore", "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "begun\n", child.stderr.read()
        with pytest.raises(subprocess.TimeoutExpired):  # it is at work
            child.wait(2)
        child.send_signal(signal.SIGINT)
        try:
            out, err = child.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            child.kill()
            pytest.fail(f"it works on: {child.communicate()}")  # a destructor may have swallowed the signal, and say so
        finally:
            child.kill()
    assert out == "interrupted True\n", err

"""Inputs and parameters on the command line."""

import numpy as np
import pytest

from skdyn.testing.driven import driven_trajectories


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("driven") / "springs.csv"
    driven_trajectories().to_dataframe().to_csv(path, index=False)
    return path


ROLES = ("--inputs", "force", "--parameters", "stiffness")


def test_a_fit_says_what_is_given_and_a_simulation_asks_for_it(table, tmp_path, call, call_json):
    told = call_json("fit", table, "--estimator", "sparse-ode", *ROLES, "--out", tmp_path / "model")
    assert told["data"]["features"] == ["x", "v"]
    assert (told["data"]["inputs"], told["data"]["parameters"]) == (["force"], ["stiffness"])
    assert told["equations"][0] == "d(x)/dt = v"
    assert told["score"]["value"] > 0.99
    words = ["simulate", tmp_path / "model", "--from", "x=1", "v=0", "--until", "2", "--points", "3"]
    code, _, problem = call(*words)
    assert code == 2
    assert "--given gives 0 values: expected force=... stiffness=..., or 2 numbers in this order" in problem
    held = call_json(*words, "--given", "force=0", "stiffness=1")
    omega = np.sqrt(1 - 0.2**2)
    truth = np.exp(-0.2 * 2) * (np.cos(2 * omega) + 0.2 / omega * np.sin(2 * omega))
    np.testing.assert_allclose(held["rows"][2]["x"], truth, atol=0.01)


def test_what_is_given_is_said(table, tmp_path, call):
    code, printed, _ = call("fit", table, "--estimator", "sparse-ode", *ROLES, "--interpolation", "previous",
                            "--out", tmp_path / "model")  # fmt: skip
    assert code == 0
    assert "  inputs: force, held from row to row\n  parameters: stiffness\n" in printed
    assert "Equilibria, under force = " in printed


def test_a_parameter_among_the_states_is_refused(table, tmp_path, call):
    code, _, problem = call("fit", table, "--out", tmp_path / "model")
    assert code != 0
    assert "'stiffness' is constant within every trajectory" in problem
    assert "--parameters stiffness if the dynamics depend on it" in problem

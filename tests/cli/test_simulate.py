"""``skdyn simulate``: trajectories of saved estimators of every kind."""

import numpy as np
import pytest

from skdyn import FIMODERegressor, FIMSDERegressor, LASSODEForecaster, SparseODERegressor, Trajectories
from skdyn.cli import main
from skdyn.data.table import read_csv
from skdyn.data.trajectory import Trajectory
from tests.cli.conftest import TINY


def test_a_table_and_a_picture(saved, tmp_path, call):
    folder, out, plot = saved(SparseODERegressor()), tmp_path / "new" / "path.csv", tmp_path / "path.png"
    code, printed, _ = call("simulate", folder, "--from", "x1=0", "x0=1.5", "--until", "3", "--points", "7",
                            "--out", out, "--plot", plot)  # fmt: skip
    assert code == 0
    assert printed == (
        f"SparseODERegressor of {folder}: time in the unit of the fit\n7 rows written to {out}\n"
        f"Picture written to {plot}\n"
    )
    assert plot.read_bytes()[:4] == b"\x89PNG"
    ((t, x),) = read_csv(out)
    np.testing.assert_allclose(t, np.linspace(0, 3, 7))
    np.testing.assert_allclose(x, 1.5 * np.column_stack([np.cos(t), -np.sin(t)]), atol=1e-3)


def test_values_in_order(saved, call, call_json):
    folder = saved(SparseODERegressor())
    told = call_json("simulate", folder, "--from", "-1", "0.5", "--until", "1", "--points", "2")
    assert told["start"] == {"x0": -1.0, "x1": 0.5}
    assert told["rows"][0] == {"t": 0.0, "x0": -1.0, "x1": 0.5}
    assert told["rows"][1]["t"] == 1.0
    assert call("simulate", folder, "--from", "-1", "0.5", "--until", "1")[1].count("\n") == 1 + 1 + 201


def test_a_level_takes_no_digits_from_what_varies(tmp_path, call_json):
    t = np.linspace(0, 6, 60)
    est = SparseODERegressor(max_degree=1).fit([(t, 1e7 + np.exp(-t))])
    est.save(tmp_path / "model")
    told = call_json("simulate", tmp_path / "model", "--from", "10000001", "--until", "2", "--points", "5")
    expected = est.simulate([1e7 + 1], np.linspace(0, 2, 5))[:, 0]
    np.testing.assert_allclose([row["x0"] for row in told["rows"]], expected, rtol=1e-13)


def test_a_variable_does_not_hide_the_time(tmp_path, call):
    t = np.linspace(0, 6, 30)
    SparseODERegressor().fit([Trajectory(t, np.cos(t), ("t",))]).save(tmp_path / "model")
    code, _, error = call("simulate", tmp_path / "model", "--from", "1", "--until", "1")
    assert (code, "two columns of the table would be called 't': rename the variable" in error) == (1, True)


def test_the_unit_is_said(tmp_path, call, call_json):
    days = np.datetime64("2024-01-01") + np.arange(30)
    data = Trajectories([(days, np.exp(-np.arange(30) / 10))], time_unit="day")
    SparseODERegressor().fit(data).save(tmp_path / "model")
    words = ["simulate", tmp_path / "model", "--from", "1", "--until", "10", "--points", "2"]
    assert f"SparseODERegressor of {tmp_path / 'model'}: time in days\n" in call(*words)[1]
    told = call_json(*words)
    assert told["time_unit"] == "day"
    np.testing.assert_allclose(told["rows"][1]["x0"], np.exp(-1), rtol=1e-3)


def test_paths_of_an_sde(saved, tmp_path, call_json):
    folder = saved(FIMSDERegressor(TINY["sde"], device="cpu"))
    words = ["simulate", folder, "--from", "1", "0", "--until", "0.2", "--points", "3"]
    told = call_json(*words, "--paths", "2", "--plot", tmp_path / "paths.png")
    assert [(row["path"], row["t"]) for row in told["rows"]] == [(k, t) for k in range(2) for t in (0, 0.1, 0.2)]
    assert told["picture"] == str(tmp_path / "paths.png")
    assert told["rows"] == call_json(*words, "--paths", "2")["rows"]
    assert told["rows"] != call_json(*words, "--paths", "2", "--seed", "1")["rows"]
    assert [list(row) for row in call_json(*words)["rows"]] == [["t", "x0", "x1"]] * 3


def test_what_an_sde_is_given_is_not_ignored(saved, call):
    folder = saved(FIMSDERegressor(TINY["sde"], device="cpu"))
    code, _, error = call("simulate", folder, "--from", "1", "0", "--until", "1", "--given", "u=99")
    assert code == 2
    assert "--given u=99: the field depends on no inputs nor parameters" in error


@pytest.mark.filterwarnings("default::UserWarning")
def test_what_diverged_is_empty(tmp_path, call, call_json):
    t = np.linspace(0, 2, 30)
    SparseODERegressor(max_degree=1).fit([(t, np.exp(t))]).save(tmp_path / "model")
    words = ["simulate", tmp_path / "model", "--from", "1", "--until", "30", "--points", "2"]
    code, out, error = call(*words)
    assert code == 0
    assert "skdyn: ConvergenceWarning: " in error
    assert out.endswith("t,x0\n0,1\n30,\n")
    assert call_json(*words)["rows"][1] == {"t": 30.0, "x0": None}


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (["x0=1"], "--from x0=1: expected x0=... x1=..., or 2 numbers in this order"),
        (["x0=1", "x2=1"], "expected x0=... x1=..."),
        (["x0=1", "x0=1"], "expected x0=... x1=..."),
        (["x0=1", "2"], "expected x0=... x1=..."),
        (["1"], "--from gives 1 values: expected x0=... x1=..."),
        (["1", "2", "3"], "--from gives 3 values"),
        (["x0=1", "x1=two"], "could not convert string to float: 'two'"),
    ],
)
def test_wrong_initial_states(saved, call, start, message):
    code, out, error = call("simulate", saved(SparseODERegressor()), "--from", *start, "--until", "1")
    assert (code, out) == (2, "")
    assert message in error


def test_paths_are_for_stochastic_models(saved, call):
    folder = saved(FIMODERegressor(TINY["ode"], device="cpu"))
    code, _, error = call("simulate", folder, "--from", "1", "0", "--until", "1", "--paths", "2")
    assert code == 2
    assert f"--paths is for stochastic models, and {folder} holds a FIMODERegressor" in error


@pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")
def test_a_forecaster_does_not_simulate(saved, call):
    folder = saved(LASSODEForecaster(TINY["forecast"], device="cpu"))
    code, _, error = call("simulate", folder, "--from", "1", "0", "--until", "1")
    assert code == 2
    assert f"{folder} holds a LASSODEForecaster, which does not simulate" in error


def test_nothing_is_written_into_what_is_read(saved, tmp_path, call):
    folder = saved(SparseODERegressor())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / "link").symlink_to(folder)
    for out in (folder / "estimator.json", folder / "new.csv", folder / "below" / "new.csv", tmp_path / "link" / "a"):
        code, _, error = call("simulate", folder, "--from", "1", "0", "--until", "1", "--out", out)
        assert code == 2
        assert f"{out} lies in the folder {folder}, which is read" in error
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (tmp_path / "a.json").symlink_to(folder / "estimator.json")
    assert call("simulate", folder, "--from", "1", "0", "--until", "1", "--out", tmp_path / "a.json")[0] == 2


def test_files_are_checked_before_the_model_is_loaded(csv_file, tmp_path, call):
    for words in (["--out", tmp_path], ["--plot", csv_file / "a.png"], ["--plot", "a.b"]):
        code, _, error = call("simulate", tmp_path / "no-such", "--from", "1", "--until", "1", *words)
        assert code != 0
        assert "no-such" not in error
    assert "no-such" in call("simulate", tmp_path / "no-such", "--from", "1", "--until", "1")[2]


@pytest.mark.parametrize(
    "words",
    [
        ["--until", "1"],
        ["--from", "1"],
        ["--from", "1", "--until", "0"],
        ["--from", "1", "--until", "inf"],
        ["--from", "1", "--until", "1", "--points", "1"],
        ["--from", "1", "--until", "1", "--paths", "0"],
    ],
)
def test_wrong_usage(words):
    with pytest.raises(SystemExit) as caught:
        main(["simulate", "model", *words])
    assert caught.value.code == 2

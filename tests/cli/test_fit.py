"""``skdyn fit``: any estimator, its options, what is said of the data, and nothing lost after a long fit."""

import math
import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skdyn import FIMODERegressor, FIMSDERegressor, LASSODEForecaster, SparseODERegressor
from skdyn.cli import main
from skdyn.estimators import registry
from skdyn.plugins import BaseDynamicsEstimator, register_estimator
from tests.cli.conftest import TINY


class Rotation(BaseDynamicsEstimator):
    """An estimator that counts how often it is fitted."""

    fits = 0

    def __init__(self, rate=1.0, missing="raise"):
        self.rate, self.missing = rate, missing

    def _fit(self, context):
        Rotation.fits += 1

    def _field(self, points):
        return self.rate * points @ self._matrix(points.shape[1]).T, None

    def _field_jacobian(self, points):
        matrix = self.rate * self._matrix(points.shape[1])
        return points @ matrix.T, np.tile(matrix, (len(points), 1, 1))

    @staticmethod
    def _matrix(dim):
        return np.eye(dim, k=1) - np.eye(dim, k=-1)


@pytest.fixture
def rotation(monkeypatch):
    """The name of `Rotation`, registered for one test and never fitted."""
    monkeypatch.setattr(registry.CATALOGUE, "_registered", {})
    monkeypatch.setattr(Rotation, "fits", 0)
    register_estimator("rotation", Rotation)
    return "rotation"


def test_a_saved_estimator_loads(csv_file, tmp_path, call):
    out, plot = tmp_path / "model", tmp_path / "plot.png"
    code, printed, _ = call("fit", csv_file, "--out", out, "--plot", plot)
    assert code == 0
    assert f"Read {csv_file}: commas between cells, decimal point, utf-8\n" in printed
    assert "  time: column 'time', numbers in a unit that is not said (see --time-unit)\n" in printed
    assert "  trajectories: 2 (told apart by column 'group'), 80 points\n" in printed
    assert "  states: prey, predator\n" in printed
    assert f"Saved to {out}: FIMODERegressor.load('{out}')\n" in printed
    assert re.search(r"^Score on the data \(R2 of simulations, at most 1\): (0\.9\d\d|1\.000)$", printed, re.MULTILINE)
    assert plot.read_bytes()[:4] == b"\x89PNG"
    loaded = FIMODERegressor.load(out)
    assert list(loaded.feature_names_in_) == ["prey", "predator"]
    assert len(loaded.context_) == 2
    np.testing.assert_allclose(loaded.vector_field([1.0, 0.0]), [0, -1], atol=0.1)


def test_an_sde(csv_file, tmp_path, call):
    out, plot = tmp_path / "model", tmp_path / "plot.pdf"
    code, printed, _ = call("fit", csv_file, "--estimator", "fim-sde", "--model", TINY["sde"], "--out", out,
                            "--plot", plot)  # fmt: skip
    assert code == 0
    assert "Score on the data (mean log-likelihood of a transition): " in printed
    assert plot.read_bytes()[:4] == b"%PDF"
    assert FIMSDERegressor.load(out).diffusion([1.0, 0.0]).shape == (2,)


@pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")
def test_a_forecaster(csv_file, tmp_path, call):
    out, plot = tmp_path / "model", tmp_path / "plot.svg"
    code, printed, _ = call("fit", csv_file, "--estimator", "lass-ode", "--model", TINY["forecast"], "--out", out,
                            "--plot", plot)  # fmt: skip
    assert code == 0
    assert "Score on the data (negative error of forecasts of other trajectories from their first 60%): " in printed
    assert f"Picture of series '0', the first of 2, written to {plot}" in printed
    assert "<svg" in plot.read_text()
    assert len(LASSODEForecaster.load(out).context_) == 2


@pytest.mark.slow
def test_a_coarse_grainer_tells_of_its_codes(csv_file, tmp_path, call):
    code, printed, _ = call("fit", csv_file, "--estimator", "coarse-graining", "--param", "max_iter=2", "--param",
                            "random_state=0", "--param", "hidden=[4]", "--out", tmp_path / "model",
                            "--plot", tmp_path / "codes.png")  # fmt: skip
    assert code == 0
    assert "Equilibria of the codes" in printed
    assert (tmp_path / "codes.png").read_bytes()[:4] == b"\x89PNG"


def test_equations_and_units(csv_file, tmp_path, call, call_json):
    words = ["fit", csv_file, "--estimator", "sparse-ode", "--time-unit", "days", "--out", tmp_path / "model"]
    code, printed, _ = call(*words)
    assert code == 0
    assert "  time: column 'time', numbers in days\n" in printed
    assert "Equations:\n  d(prey)/dt [per day] = predator\n  d(predator)/dt [per day] = -prey\n" in printed
    assert "Equilibria:\n  prey = 0, predator = 0: centre" in printed
    assert ", eigenvalues 0 +/- 1i per day, in 100% of plausible fields\n" in printed
    told = call_json(*words)
    assert told["data"]["time_unit"] == "day"
    assert told["data"]["time_column"] == "time"
    assert told["data"]["id_column"] == "group"
    assert told["data"]["features"] == ["prey", "predator"]
    assert told["data"]["n_trajectories"] == 2
    assert told["equations"] == ["d(prey)/dt [per day] = predator", "d(predator)/dt [per day] = -prey"]
    (point,) = told["equilibria"]
    assert point["kind"] == "centre"
    assert point["probability"] == 1
    assert told["unsupported_equilibria"] == 0
    np.testing.assert_allclose(point["eigenvalues"], [[0, -1], [0, 1]], atol=1e-3)
    assert told["score"]["value"] > 0.99
    assert told["estimator"] == {"name": "sparse-ode", "class": "SparseODERegressor"}
    assert told["saved"] == str(tmp_path / "model")


def test_refinement_and_parameters(csv_file, tmp_path, call_json):
    told = call_json("fit", csv_file, "--model", TINY["ode"], "--refine", "sparse", "--param", "max_context=100",
                     "--param", "device=cpu", "--out", tmp_path / "model")  # fmt: skip
    assert told["equations"] == ["d(prey)/dt = predator", "d(predator)/dt = -prey"]
    assert told["equations_used"]
    params = FIMODERegressor.load(tmp_path / "model").get_params()
    assert (params["max_context"], params["device"], params["refine"]) == (100, "cpu", "sparse")


def test_null_and_text_are_parameters(csv_file, tmp_path, call):
    assert call("fit", csv_file, "--estimator", "sparse-ode", "--param", "max_degree=null", "--param", "missing=drop",
                "--out", tmp_path / "model")[0] == 0  # fmt: skip
    params = SparseODERegressor.load(tmp_path / "model").get_params()
    assert params == {
        "constraints": None, "library": None, "max_degree": None, "max_points": 1200, "missing": "drop"
    }  # fmt: skip


def test_a_registered_estimator(rotation, csv_file, tmp_path, call):
    code, printed, _ = call("fit", csv_file, "--estimator", rotation, "--param", "rate=2", "--out", tmp_path / "model")
    assert code == 0
    assert "eigenvalues 0 +/- 2i\n" in printed
    assert Rotation.load(tmp_path / "model").rate == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--estimator", "no-such"], "there is no estimator 'no-such': choose from "),
        (["--param", "no_such=1"], "rotation has no parameter 'no_such': it has rate, missing"),
        (["--model", "fim-ode"], "rotation has no parameter 'model': it has rate, missing"),
        (["--refine", "auto"], "rotation has no parameter 'refine'"),
        (["--param", "rate=1", "--param", "rate=2"], "the parameter 'rate' is given twice"),
        (["--plot", "portrait"], "portrait does not end like a picture: it can end with "),
        (["--plot", "portrait.csv"], "portrait.csv does not end like a picture"),
    ],
)
def test_wrong_usage_is_seen_before_the_fit(rotation, csv_file, tmp_path, call, words, message):
    code, out, error = call("fit", csv_file, "--estimator", rotation, "--out", tmp_path / "model", *words)
    assert (code, out, Rotation.fits) == (2, "", 0)
    assert f"skdyn: wrong usage: {message}" in error
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("wrong", [["--param", "rate"], ["--param", "=1"], ["--sep", ";;"], ["--decimal", "x"]])
def test_wrong_options(capsys, wrong):
    with pytest.raises(SystemExit) as caught:
        main(["fit", "a.csv", "--out", "x", *wrong])
    assert caught.value.code == 2
    assert f"argument {wrong[0]}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "plot", "message"),
    [
        ("data.csv", "a.png", "data.csv is a file: --out names a folder"),
        ("data.csv/model", "a.png", "data.csv/model cannot be written: "),
        ("model", "data.csv/a.png", "data.csv cannot be written: "),
        ("model", "folder.png", "folder.png is a folder: the name of a file is needed"),
    ],
)
def test_what_cannot_be_written_is_seen_before_the_fit(rotation, csv_file, tmp_path, call, out, plot, message):
    (tmp_path / "folder.png").mkdir()
    code, printed, error = call("fit", csv_file, "--estimator", rotation, "--out", tmp_path / out,
                                "--plot", tmp_path / plot)  # fmt: skip
    assert (code, printed, Rotation.fits) == (1, "", 0)
    assert message in error
    assert not (tmp_path / "model").exists()


def test_a_folder_that_refuses_files_is_seen_before_the_fit(rotation, csv_file, tmp_path, call, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr("skdyn.cli.outputs.tempfile.TemporaryFile", refuse)
    code, _, error = call("fit", csv_file, "--estimator", rotation, "--out", tmp_path / "new" / "model")
    assert (code, Rotation.fits) == (1, 0)
    assert f"{tmp_path}/new/model cannot be written: {tmp_path}: Permission denied" in error


def test_too_many_variables_for_a_picture_are_seen_before_the_fit(rotation, tmp_path, call):
    path = tmp_path / "wide.csv"
    path.write_text("t,a,b,c,d\n0,1,2,1,2\n1,2,1,2,1\n2,1,2,1,2\n")
    code, _, error = call("fit", path, "--estimator", rotation, "--out", tmp_path / "m", "--plot", tmp_path / "a.png")
    assert (code, Rotation.fits) == (2, 0)
    assert (
        "--plot shows fields of at most 3 variables, and the data have 4: choose some, such as --plot-variables a b"
        in error
    )


def test_variables_of_a_picture_are_chosen(tmp_path, call):
    t = np.linspace(0, 6, 40)
    x = np.column_stack([np.cos(t), np.sin(t), np.cos(2 * t), np.sin(2 * t)])
    path, picture = tmp_path / "wide.csv", tmp_path / "a.png"
    np.savetxt(path, np.column_stack([t, x]), header="t,a,b,c,d", delimiter=",", comments="")
    given = ("fit", path, "--estimator", "sparse-ode", "--param", "max_degree=1", "--plot", picture)
    code, _, error = call(*given, "--out", tmp_path / "m", "--plot-variables", "c", "a")
    assert (code, error) == (0, "")
    assert picture.stat().st_size > 10_000
    code, _, error = call(*given, "--out", tmp_path / "n", "--plot-variables", "c", "e")
    assert code == 2
    assert "--plot-variables: variables names 'e', which is none of a, b, c, d" in error
    code, _, error = call(*given[:4], "--out", tmp_path / "n", "--plot-variables", "c")
    assert (code, "--plot-variables needs --plot" in error) == (2, True)
    code, _, error = call("fit", path, "--estimator", "lass-ode", "--out", tmp_path / "n", "--plot", picture,
                          "--plot-variables", "c")  # fmt: skip
    assert (code, "--plot-variables is for the picture of a field" in error) == (2, True)
    assert not (tmp_path / "n").exists()


def test_an_estimator_that_cannot_be_saved_is_seen_before_the_fit(rotation, csv_file, tmp_path, call):
    class Unsaved(BaseEstimator):
        def fit(self, X):
            raise AssertionError("fitted")

    register_estimator("unsaved", Unsaved)
    code, _, error = call("fit", csv_file, "--estimator", "unsaved", "--out", tmp_path / "model")
    assert code == 2
    assert "unsaved cannot be saved" in error


def test_the_estimator_is_saved_although_the_picture_fails(rotation, csv_file, tmp_path, call, monkeypatch):
    def fail(*_):
        raise ValueError("no picture today")

    monkeypatch.setattr("skdyn.cli.pictures.draw_estimator", fail)
    code, _, error = call("fit", csv_file, "--estimator", rotation, "--out", tmp_path / "model",
                          "--plot", tmp_path / "a.png")  # fmt: skip
    assert code == 1
    assert "no picture today" in error
    assert Rotation.load(tmp_path / "model").n_features_in_ == 2


@pytest.mark.filterwarnings("default::skdyn.exceptions.ForecastWarning")
def test_a_series_too_short_for_a_score_is_saved_all_the_same(tmp_path, call, call_json):
    path = tmp_path / "short.csv"
    path.write_text("time,p\n0,1\n1,2\n2,4\n3,7\n")
    words = ["fit", path, "--estimator", "lass-ode", "--model", TINY["forecast"], "--param", "device=cpu",
             "--param", "ensemble=null", "--out", tmp_path / "model"]  # fmt: skip
    code, out, _ = call(*words)
    assert (code, "No score on the data: trajectory 0 cannot be scored: each" in out) == (0, True)
    assert call_json(*words)["score"] is None


def test_an_interruption(rotation, csv_file, tmp_path, call, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Rotation, "_fit", interrupt)
    assert call("fit", csv_file, "--estimator", rotation, "--out", tmp_path / "model")[::2] == (
        130,
        "skdyn: interrupted\n",
    )


def test_gaps_can_be_kept(tmp_path, call, call_json):
    path = tmp_path / "infusion.csv"
    rows = ["t,rate,conc"]
    conc = 0.0
    for k in range(48):
        rate = 10 if k % 16 < 4 else 0
        rows.append(f"{k / 2},{rate},{'' if k % 4 == 3 else conc}")
        conc = rate / 3 + (conc - rate / 3) * math.exp(-0.15)
    path.write_text("\n".join(rows) + "\n")
    words = ["fit", path, "--estimator", "sparse-ode", "--inputs", "rate", "--interpolation", "previous", "--out"]
    code, _, error = call(*words, tmp_path / "raised")
    assert (code, "column 'conc': the state is NaN" in error) == (1, True)
    told = call_json(*words, tmp_path / "kept", "--missing", "keep")
    assert told["equations"] == ["d(conc)/dt = -0.3 conc + 0.1 rate"]
    assert told["score"]["value"] > 0.999
    assert SparseODERegressor.load(tmp_path / "kept").missing == "keep"
    code, _, error = call("fit", path, "--estimator", "fim-sde", "--missing", "keep", "--out", tmp_path / "sde")
    assert (code, "missing must be" in error) == (1, True)

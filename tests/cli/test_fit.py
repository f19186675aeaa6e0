import numpy as np
import pytest

from skdyn import FIMODERegressor, FIMSDERegressor
from skdyn.cli import main


def test_fit_saves_an_estimator_that_loads(csv_file, tmp_path, capsys):
    out, plot = tmp_path / "model", tmp_path / "plot.png"
    assert main(["fit", str(csv_file), "--out", str(out), "--plot", str(plot)]) == 0
    assert "2 trajectories, 80 points, 2 variables" in capsys.readouterr().out
    assert plot.read_bytes()[:4] == b"\x89PNG"
    loaded = FIMODERegressor.load(out)
    assert list(loaded.feature_names_in_) == ["prey", "predator"]
    assert len(loaded.context_) == 2
    np.testing.assert_allclose(loaded.vector_field([1.0, 0.0]), [0, -1], atol=0.1)


def test_fit_of_an_sde(csv_file, tmp_path, capsys, dummy_folder):
    out, plot = tmp_path / "model", tmp_path / "plot.png"
    model = str(dummy_folder.parent / "fim-sde-16d")
    arguments = ["--estimator", "fim-sde", "--model", model, "--out", str(out), "--plot", str(plot)]
    assert main(["fit", str(csv_file), *arguments]) == 0
    printed = capsys.readouterr().out
    assert "Score on the data (mean log-likelihood of a transition): " in printed
    assert "FIMSDERegressor.load(" in printed
    assert plot.read_bytes()[:4] == b"\x89PNG"
    assert FIMSDERegressor.load(out).diffusion([1.0, 0.0]).shape == (2,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("0,0.0,1.0", "0,0.0,one"), "line 2, column 'prey': 'one' is not a number"),
        (lambda text: text.replace("0,0.0,1.0", "0,0.0,"), "row 0, column 0: the state is NaN"),
        (lambda text: text.replace("0,0.0,1.0,", "0,0.0,1.0,3,"), "line 2: 5 cells under a header of 4"),
        (lambda text: text.replace("time", "group"), "repeated"),
        (lambda text: "", "0 lines"),
        (lambda text: "group,time\n0,1\n0,2\n", "no state column"),
        (lambda text: text.replace("0,0.0,", "0,soon,"), "neither a number nor an ISO date"),
    ],
)
def test_bad_files_are_named(csv_file, tmp_path, capsys, change, message):
    csv_file.write_text(change(csv_file.read_text()))
    assert main(["fit", str(csv_file), "--out", str(tmp_path / "model")]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_missing_cells_can_be_dropped(csv_file, tmp_path, capsys):
    csv_file.write_text(csv_file.read_text().replace("0,0.0,1.0", "0,0.0,"))
    assert main(["fit", str(csv_file), "--missing", "drop", "--out", str(tmp_path / "model")]) == 0
    assert "79 points" in capsys.readouterr().out


def test_iso_dates_count_in_seconds(tmp_path, capsys):
    path = tmp_path / "dates.csv"
    days = np.arange(30)
    stamps = np.datetime64("2024-01-01") + days
    path.write_text("t,x\n" + "".join(f"{stamp},{np.exp(-day / 10)}\n" for day, stamp in zip(days, stamps)))
    assert main(["fit", str(path), "--out", str(tmp_path / "model")]) == 0
    assert FIMODERegressor.load(tmp_path / "model").context_.times[0][-1] == 29 * 86400

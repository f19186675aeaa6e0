"""``skdyn forecast``: a table that goes on where the data end, written as they were."""

import csv

import numpy as np
import pytest

from skdyn import LASSODEForecaster
from skdyn.cli import main
from skdyn.cli.answer import Answer
from skdyn.cli.tables import OutputTable
from skdyn.data.dialect import Dialect
from skdyn.data.table import read_csv
from tests.cli.conftest import TINY

pytestmark = pytest.mark.filterwarnings("ignore::skdyn.exceptions.ForecastWarning")
MODEL = ["--model", TINY["forecast"], "--param", "device=cpu"]


@pytest.fixture
def dated(tmp_path):
    """Days in the German manner."""
    days = np.datetime64("2024-02-01") + np.arange(27)
    values = [f"{np.cos(k / 4):.6f}".replace(".", ",") for k in range(27)]
    rows = [f"{day.item():%d.%m.%Y};{value}\n" for day, value in zip(days, values)]
    path = tmp_path / "days.csv"
    path.write_bytes(("date;größe\n" + "".join(rows)).encode("cp1252"))
    return path


def test_the_table_is_the_forecast(csv_file, tmp_path, call):
    out, plot = tmp_path / "new" / "ahead.csv", tmp_path / "ahead.png"
    code, printed, _ = call("forecast", csv_file, "--horizon", "5", *MODEL, "--out", out, "--plot", plot)
    assert code == 0
    assert f"10 rows written to {out}\n" in printed
    assert f"Picture of series '0', the first of 2, written to {plot}\n" in printed
    assert plot.read_bytes()[:4] == b"\x89PNG"
    read = read_csv(out)
    assert (read.feature_names, read.ids) == (("prey", "predator"), ("0", "1"))
    data = read_csv(csv_file)
    expected = LASSODEForecaster(TINY["forecast"], device="cpu").fit(data).predict(horizon=5)
    np.testing.assert_allclose(np.stack(read.states), expected, rtol=1e-6)
    np.testing.assert_allclose(read.times[0], 8 + 8 / 39 * np.arange(1, 6))
    assert out.read_text().splitlines()[0] == "group,time,prey,predator"


def test_dates_and_dialect_stay(dated, tmp_path, call):
    out = tmp_path / "ahead.csv"
    words = ["--date-format", "%d.%m.%Y", "--horizon", "3", "--quantiles", "0.1", "0.5", *MODEL, "--out", out,
             "--plot", tmp_path / "ahead.png"]  # fmt: skip
    assert call("forecast", dated, *words)[0] == 0
    lines = list(csv.reader(out.read_text(encoding="cp1252").splitlines(), delimiter=";"))
    assert lines[0] == ["date", "größe_0.1", "größe_0.5"]
    assert [line[0] for line in lines[1:]] == ["28.02.2024", "29.02.2024", "01.03.2024"]
    assert all("," in cell and "." not in cell for line in lines[1:] for cell in line[1:])


def test_iso_dates_whatever_the_unit(tmp_path, call_json):
    path = tmp_path / "hours.csv"
    stamps = np.datetime64("1999-12-31T00:00") + np.arange(20) * np.timedelta64(1, "h")
    path.write_text("timestamp,x\n" + "".join(f"{stamp},{np.sin(k / 3)}\n" for k, stamp in enumerate(stamps)))
    for unit in ("second", "hour", "day", "week", "year"):
        told = call_json("forecast", path, "--horizon", "5", "--time-unit", unit, *MODEL)
        assert [row["timestamp"] for row in told["rows"]] == [f"1999-12-31T{hour}:00" for hour in (20, 21, 22, 23)] + [
            "2000-01-01T00:00"
        ]
        assert told["data"]["time_origin"] == "1999-12-31"


def test_whole_and_very_large_times_stay_exact(tmp_path, call_json):
    path = tmp_path / "ns.csv"
    start = 1_700_000_000_000_000_001
    path.write_text("t,x\n" + "".join(f"{start + 10 * k},{np.sin(k / 3)}\n" for k in range(20)))
    told = call_json("forecast", path, "--horizon", "2", *MODEL)
    assert [row["t"] for row in told["rows"]] == [start + 200, start + 210]
    assert told["data"]["time_origin"] == str(start)


def test_it_is_printed_where_no_file_is_named(csv_file, call):
    code, out, _ = call("forecast", csv_file, "--horizon", "1", "--features", "prey", *MODEL)
    assert code == 0
    assert "group,time,prey\n0,8.2" in out
    assert len(out.splitlines()) == 4 + 3


def test_without_time_and_identity(tmp_path, call_json):
    path = tmp_path / "plain.csv"
    path.write_text("x\n" + "".join(f"{np.sin(k / 3)}\n" for k in range(20)))
    told = call_json("forecast", path, "--horizon", "2", *MODEL)
    assert [list(row) for row in told["rows"]] == [["t", "x"]] * 2
    assert [row["t"] for row in told["rows"]] == [20, 21]


@pytest.mark.parametrize("level", [0.0, 1e7])
def test_a_level_takes_no_digits_from_what_varies(tmp_path, call_json, level):
    path = tmp_path / "level.csv"
    path.write_text("time,p\n" + "".join(f"{k},{level + np.sin(k / 5):.6f}\n" for k in range(60)))
    told = call_json("forecast", path, "--horizon", "4", *MODEL)
    expected = LASSODEForecaster(TINY["forecast"], device="cpu").fit(read_csv(path)).predict(horizon=4)
    np.testing.assert_allclose([row["p"] for row in told["rows"]], expected[:, 0], rtol=0, atol=5e-6)


def test_no_column_hides_another(csv_file, tmp_path, call):
    words = ["forecast", csv_file, "--horizon", "2", *MODEL, "--quantiles"]
    code, _, error = call(*words, "0.5", "0.50000001")
    assert code == 1
    assert "two columns of the table would be called 'prey_0.5': rename the variable in the data, or" in error
    path = tmp_path / "t.csv"
    path.write_text("t,x\n" + "".join(f"{np.cos(k / 3)},{np.sin(k / 3)}\n" for k in range(20)))
    code, _, error = call("forecast", path, "--features", "t", "x", "--horizon", "2", *MODEL)
    assert (code, "two columns of the table would be called 't'" in error) == (1, True)


def test_gaps_can_be_kept(csv_file, call, call_json):
    csv_file.write_text(csv_file.read_text().replace("0,0.0,1.0,", "0,0.0,,"))
    code, _, error = call("forecast", csv_file, "--horizon", "2", *MODEL)
    assert code == 1
    assert "line 2, column 'prey': the state is NaN" in error
    kept = call_json("forecast", csv_file, "--horizon", "2", "--missing", "keep", *MODEL)
    dropped = call_json("forecast", csv_file, "--horizon", "2", "--missing", "drop", *MODEL)
    assert kept["data"]["n_points"] == dropped["data"]["n_points"] + 1 == 80
    assert kept["rows"] != dropped["rows"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--out", "{folder}"], 1, "is a folder: the name of a file is needed"),
        (["--plot", "a.txt"], 2, "a.txt does not end like a picture"),
        (["--param", "refine=sparse"], 2, "lass-ode has no parameter 'refine': it has model, "),
        (["--quantiles", "0.999"], 1, "the quantile level 0.999 is not between"),
        (["--out", "{folder}/data.csv"], 2, "data.csv would replace "),
        (["--model", "{folder}/model", "--out", "{folder}/model/config.json"], 2, "config.json lies in the folder "),
        (["--out", "{folder}/a.png", "--plot", "{folder}/./a.png"], 2, "--out and --plot both name"),
        (["--param", "adapter={folder}/model", "--plot", "{folder}/model/a.png"], 2, "a.png lies in the folder "),
    ],
)
def test_what_cannot_be_done(csv_file, tmp_path, call, words, code, message):
    words = [word.format(folder=tmp_path) for word in words]
    model, content = MODEL if "--model" not in words else [], csv_file.read_bytes()
    (tmp_path / "model").mkdir()
    done, _, error = call("forecast", csv_file, "--horizon", "2", *model, *words)
    assert done == code
    assert message in error
    assert csv_file.read_bytes() == content


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_the_data_are_known_by_any_name(csv_file, tmp_path, call, monkeypatch, link):
    monkeypatch.setattr(LASSODEForecaster, "fit", lambda *_: pytest.fail("fitted"))
    getattr(tmp_path / "out.csv", link)(csv_file)
    code, _, error = call("forecast", csv_file, "--horizon", "2", *MODEL, "--out", tmp_path / "out.csv")
    assert code == 2
    assert f"out.csv would replace {csv_file}, which is read" in error


def test_a_link_is_followed_and_a_table_is_replaced_at_once(csv_file, tmp_path, call):
    (tmp_path / "link.csv").symlink_to(tmp_path / "ahead.csv")
    (tmp_path / "ahead.csv").write_text("old")
    assert call("forecast", csv_file, "--horizon", "2", *MODEL, "--out", tmp_path / "link.csv")[0] == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert len(read_csv(tmp_path / "ahead.csv")) == 2
    OutputTable(["t", "größe"], []).give(Answer(), Dialect(",", ".", "cp1252"), tmp_path / "ahead.csv")
    assert (tmp_path / "ahead.csv").read_text(encoding="cp1252") == "t,größe\n"
    with pytest.raises(UnicodeEncodeError):
        OutputTable(["t", "größe"], []).give(Answer(), Dialect(",", ".", "ascii"), tmp_path / "ahead.csv")
    assert (tmp_path / "ahead.csv").read_text(encoding="cp1252") == "t,größe\n"


def test_a_picture_that_cannot_be_drawn_leaves_the_old_one(csv_file, tmp_path, call, monkeypatch):
    def half(self, file, **_):
        file.write(b"half")
        raise OSError("the disk is full")

    (tmp_path / "a.png").write_bytes(b"old")
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", half)
    code, _, error = call("forecast", csv_file, "--horizon", "2", *MODEL, "--plot", tmp_path / "a.png")
    assert code == 1
    assert "the disk is full" in error
    assert (tmp_path / "a.png").read_bytes() == b"old"


def test_dates_are_written_with_their_zone(tmp_path, call_json):
    def forecast(offsets):
        rows = [f"2024-01-{day:02d}T06:00{offsets[day % len(offsets)]},{np.sin(day / 3):.4f}" for day in range(1, 29)]
        (tmp_path / "zoned.csv").write_text("\n".join(["t,x", *rows]))
        found = call_json("forecast", tmp_path / "zoned.csv", "--horizon", "1", *MODEL)
        return found["rows"][0]["t"]

    assert forecast(["-03:00"]) == "2024-01-29T06:00:00-03:00"
    assert forecast(["+00:00", "Z"]) == "2024-01-29T06:00:00+00:00"
    assert forecast([""]) == "2024-01-29T06:00"


def test_files_are_checked_before_the_fit(csv_file, tmp_path, call, monkeypatch):
    monkeypatch.setattr(LASSODEForecaster, "fit", lambda *_: pytest.fail("fitted"))
    assert call("forecast", csv_file, "--horizon", "2", "--out", csv_file / "a.csv")[0] == 1
    assert call("forecast", csv_file, "--horizon", "2", "--plot", csv_file / "a.png")[0] == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--horizon", "0"],
        ["--horizon", "2", "--quantiles", "low"],
        ["--horizon", "2", "--quantiles", "1.5"],
        ["--horizon", "2", "--out", ""],
    ],
)
def test_wrong_usage(words):
    with pytest.raises(SystemExit) as caught:
        main(["forecast", "a.csv", *words])
    assert caught.value.code == 2

"""Everyday tables: read as they are meant and said so, or refused by file, line and column in the command's words."""

import datetime as dt
import gzip
import shlex

import numpy as np
import pytest

from skdyn import SparseODERegressor

T = np.linspace(0, 8, 60)
ROWS = [(float(t), float(np.cos(t)), float(-np.sin(t))) for t in T]
EQUATIONS = ["d(prey)/dt = predator", "d(predator)/dt = -prey"]


def text(header="time,prey,predator", rows=ROWS, separator=",", decimal=".", start=""):
    lines = [separator.join(f"{value:.17g}".replace(".", decimal) for value in row) for row in rows]
    return "\n".join([header.replace(",", separator), *(start + line for line in lines)]) + "\n"


@pytest.fixture
def fit(call, tmp_path):
    """Write a file, fit it without any pretrained model; returns exit code, output and errors."""

    def run(content, *words, encoding="utf-8"):
        (tmp_path / "data.csv").write_bytes(content.encode(encoding))
        return call("fit", tmp_path / "data.csv", "--estimator", "sparse-ode", "--out", tmp_path / "model", *words)

    return run


@pytest.mark.parametrize(
    ("content", "encoding", "words", "said"),
    [
        (text(separator=";", decimal=","), "utf-8", [], "semicolons between cells, decimal comma, utf-8"),
        (text(separator=";"), "utf-8", [], "semicolons between cells, decimal point, utf-8"),
        (text(separator="\t", decimal=","), "utf-8", [], "tabs between cells, decimal comma, utf-8"),
        (text(separator="\t"), "utf-8", ["--sep", "\\t"], "tabs between cells, decimal point, utf-8"),
        (text(separator="|"), "utf-8", [], "bars between cells, decimal point, utf-8"),
        (text(separator="_"), "utf-8", ["--sep", "_"], "'_' between cells, decimal point, utf-8"),
        (text(separator=";", decimal=","), "utf-8", ["--decimal", ","], "semicolons between cells, decimal comma"),
        (text(), "utf-8-sig", [], "commas between cells, decimal point, utf-8\n"),
        (text(), "utf-16", ["--encoding", "utf-16"], "commas between cells, decimal point, utf-16"),
        (text().replace("\n", "\r\n"), "utf-8", [], "commas between cells"),
        (text("Time [h],prey,predator"), "utf-8", [], "  time: column 'Time [h]', numbers in "),
        (text("Hour,prey,predator"), "utf-8", [], "  time: column 'Hour', numbers in "),
        (text("moment,prey,predator"), "utf-8", ["--time", "moment"], "  time: column 'moment', numbers in "),
    ],
)
def test_dialects(fit, tmp_path, content, encoding, words, said):
    code, out, _ = fit(content, *words, encoding=encoding)
    assert code == 0
    assert said in out
    loaded = SparseODERegressor.load(tmp_path / "model")
    assert loaded.equations() == EQUATIONS
    np.testing.assert_allclose(loaded.context_.times[0], T)


def test_names_in_an_old_encoding(fit, tmp_path):
    code, out, _ = fit(text("time,größe,übrig", separator=";", decimal=","), encoding="cp1252")
    assert code == 0
    assert "semicolons between cells, decimal comma, cp1252" in out
    assert "  states: größe, übrig\n" in out
    assert list(SparseODERegressor.load(tmp_path / "model").feature_names_in_) == ["größe", "übrig"]


def test_unit_steps_are_said(fit):
    code, out, _ = fit(text("prey,predator", [row[1:] for row in ROWS]))
    assert code == 0
    assert "  time: no column is named like one: unit steps\n" in out
    assert "  trajectories: 1 (no column tells them apart), 60 points\n" in out


@pytest.mark.parametrize(
    ("form", "words"), [("%Y-%m-%d", []), ("%d.%m.%Y", ["--date-format", "%d.%m.%Y"])], ids=["iso", "german"]
)
def test_dates_in_days(fit, tmp_path, form, words):
    days = np.datetime64("2024-01-01") + np.arange(60)
    lines = [f"{day.item():{form}},{np.cos(k / 8)},{-np.sin(k / 8)}" for k, day in enumerate(days)]
    code, out, _ = fit("\n".join(["date,prey,predator", *lines]) + "\n", "--time-unit", "day", *words)
    assert code == 0
    assert "  time: column 'date', dates from 2024-01-01 on, counted in days\n" in out
    assert "Equations:\n  d(prey)/dt [per day] = 0.125 predator\n" in out
    assert SparseODERegressor.load(tmp_path / "model").context_.times[0][-1] == 59


def test_dates_count_in_seconds_unless_said(fit, tmp_path):
    days = np.datetime64("2024-01-01") + np.arange(30)
    code, out, _ = fit("t,x\n" + "".join(f"{day},{np.exp(-k / 10)}\n" for k, day in enumerate(days)))
    assert code == 0
    assert "counted in seconds" in out
    assert SparseODERegressor.load(tmp_path / "model").context_.times[0][-1] == 29 * 86400


def swapped():
    lines = text().splitlines()
    return "\n".join([lines[0], lines[2], lines[1], *lines[3:]]) + "\n"


def repeated():
    lines = text().splitlines()
    return "\n".join([*lines[:5], lines[4], *lines[5:]]) + "\n"


BAD = [  # content, what is said, the options that mend it, the number of points that are then read
    (text().replace("\n0,1,-0\n", "\n0,,-0\n"), "line 2, column 'prey': the state is NaN; pass --missing drop",
     ["--missing", "drop"], 59),
    (text().replace("\n0,1,-0\n", "\n,1,-0\n"), "line 2, column 'time': the time is empty; pass --missing drop",
     ["--missing", "drop"], 59),
    (text().replace("\n0,1,-0\n", "\nNA,1,-0\n"), "line 2, column 'time': the time is empty",
     ["--missing", "drop"], 59),
    (swapped(), "line 3: time decreases", ["--sort"], 60),
    (repeated(), "line 6: time repeats", ["--duplicates", "mean"], 60),
    (repeated(), "pass --duplicates mean", ["--duplicates", "first"], 60),
    (text(",time,prey,predator", start="7,"), "column '' looks like row numbers that were written as a column: leave "
     "it out (--features prey predator)", ["--features", "prey", "predator"], 60),
    (text("Unnamed: 0,time,prey,predator", start="7,"), "column 'Unnamed: 0' looks like row numbers",
     ["--features", "prey", "predator"], 60),
    (text("moment,prey,predator"), "column 'moment' increases strictly in every trajectory, and no times were given. "
     "Is it the time? Then --time moment --features prey predator", ["--time", "moment"], 60),
    (text("time,date,prey,predator", [(row[0], *row) for row in ROWS]), "2 columns that may be the time: 'time', "
     "'date'. Say which, and which are states: --time time --features prey predator",
     ["--time", "time", "--features", "prey", "predator"], 60),
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "said"),
    [("%d.%m.%Y", "--date-format %d.%m.%Y"), ("%m/%d/%Y %H:%M", '--date-format "%m/%d/%Y %H:%M"'), ("%Y-%m-%d", "")],
)
def test_dates_are_proposed_as_the_time(fit, form, said):
    days = [dt.date(2024, 3, 1) + dt.timedelta(days=i) for i in range(0, 30, 2)]
    content = "Datum,prey\n" + "".join(f"{day.strftime(form)},{np.exp(-i / 5):.17g}\n" for i, day in enumerate(days))
    code, _, error = fit(content)
    assert code == 1
    assert (
        f"nor is what is below: these are dates: pass {f'--time Datum {said}'.strip()} if they are the times" in error
    )
    code, out, _ = fit(content, *shlex.split(f"--time Datum {said}"), "--time-unit", "day")
    assert (code, "dates from 2024-03-01" in out) == (0, True)


def test_the_form_of_dates_is_guessed(fit):
    assert "such as --date-format %d/%m/%Y" in fit("date,x\n13/02/2024,1\n14/02/2024,2\n")[2]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_text_of_spreadsheets_is_read_by_its_mark(fit, encoding):
    content = text("Zeit [d],prey,predator", separator="\t", decimal=",")
    mark = "" if encoding == "utf-16" else "\ufeff"
    code, out, _ = fit(mark + content, "--time", "Zeit [d]", encoding=encoding)
    assert (code, "tabs between cells, decimal comma, utf-16\n" in out) == (0, True)
    assert EQUATIONS[0] in out


def test_gzip_is_decompressed_or_named(call, tmp_path):
    path, options = tmp_path / "data.csv.gz", ("--estimator", "sparse-ode", "--out", tmp_path / "model")
    path.write_bytes(gzip.compress(text().encode()))
    code, out, _ = call("fit", path, *options)
    assert (code, EQUATIONS[0] in out) == (0, True)
    path.write_bytes(path.read_bytes()[:-9])
    code, _, error = call("fit", path, *options)
    assert (code, f"{path} is a gzip file that cannot be decompressed (" in error) == (1, True)


def test_a_unit_that_contradicts_the_header_is_refused(fit):
    content = text("time [h],prey,predator")
    code, _, error = fit(content, "--time-unit", "day")
    assert code == 1
    assert "column 'time [h]' counts hours by its name, and --time-unit day says days: pass --time-unit hour" in error
    assert fit(content, "--time-unit", "hour")[0] == 0
    assert fit(text("time [steps],prey,predator"), "--time-unit", "day")[0] == 0


def test_a_panel_under_row_numbers_is_seen(fit):
    """The states that are proposed are those of a table that was read, not all that have no label's name."""
    ages = (118, 484, 664, 1004)
    rows = [f"{8 * k + i},{k + 1},{age},{30 + 20 * i + k * i * i}" for k in range(3) for i, age in enumerate(ages)]
    content = "\n".join(["rownames,Tree,age,size", *rows]) + "\n"
    code, _, error = fit(content)
    assert code == 1
    assert "column 'rownames' looks like row numbers that were written as a column: leave it out" in error
    assert "column 'Tree' is constant in blocks, and 'age' rises" in error
    assert "Then --group Tree --time age, or" in error
    code, _, error = fit(content, "--group", "Tree", "--time", "age")
    assert "leave it out (--features size)" in error
    code, out, _ = fit(content, "--group", "Tree", "--time", "age", "--features", "size")
    assert (code, "3 (told apart by column 'Tree'), 12 points" in out) == (0, True)


@pytest.mark.parametrize(("content", "message", "mend", "points"), BAD)
def test_what_is_wrong_is_named_and_mended_as_it_says(fit, tmp_path, content, message, mend, points):
    code, out, error = fit(content)
    assert (code, out) == (1, "")
    assert error.startswith(f"skdyn: error: {tmp_path / 'data.csv'}")
    assert message in error
    assert not (tmp_path / "model").exists()
    code, out, _ = fit(content, *mend)
    assert code == 0
    assert f"), {points} points\n" in out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (text().replace("\n0,1,-0\n", "\n0,one,-0\n"), ", line 2, column 'prey': 'one' is not a number"),
        (text().replace("\n0,1,-0\n", "\n0,1_0,-0\n"), ", line 2, column 'prey': '1_0' is not a number"),
        (text().replace("\n0,1,-0\n", "\n0,1,-0,3\n"), ", line 2: 4 cells under a header of 3"),
        (text().replace("\n0,1,-0\n", "\nsoon,1,-0\n"), ", line 2, column 'time': the time 'soon' is not a number"),
        ("date,x\n01.02.2024,1\n02.02.2024,2\n", "such as --date-format %d.%m.%Y"),
        (text("time,time,predator"), "column 'time' appears more than once"),
        (text("0,1,2"), "the header line holds only numbers"),
        ("", " holds 0 lines"),
        ("time,x\n", " holds 1 lines"),
        ("group,time\n0,1\n0,2\n", " has 0 feature(s) beside its time and id columns"),
        ("id,time,x\na,0,1\n,1,2\n", ", line 3, column 'id': the identity is missing"),
    ],
)
def test_what_cannot_be_mended_is_named(fit, tmp_path, content, message):
    code, _, error = fit(content)
    assert code == 1
    assert error.startswith(f"skdyn: error: {tmp_path / 'data.csv'}")
    assert message in error


@pytest.mark.filterwarnings("default::UserWarning")
def test_trajectories_without_complete_rows_are_left_out(fit):
    content = text().replace("\n", "\na,").removesuffix("a,").replace("time,", "id,time,", 1) + "b,0,1,\nb,1,1,2\n"
    code, out, error = fit(content, "--missing", "drop")
    assert code == 0
    assert "  trajectories: 1 (told apart by column 'id'), 60 points\n" in out
    assert error.startswith("skdyn: UserWarning: 1 of 2 trajectories are left out")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--features", "z"], "has no column 'z'; it has ['time', 'prey', 'predator']"),
        (["--time-unit", "moon"], "time_unit must be one of nanosecond, "),
        (["--encoding", "no-such"], "is not a CSV file: unknown encoding: no-such"),
        (["--date-format", "%d.%m.%Y"], "line 2, column 'time': the time '0' is not written like %d.%m.%Y"),
        (["--sep", ";"], "line 2, column 'time,prey,predator': '0,1,-0' is not a number"),
    ],
)
def test_options_that_do_not_fit_the_file(fit, words, message):
    code, _, error = fit(text(), *words)
    assert code == 1
    assert message in error

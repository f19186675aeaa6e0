"""What a CSV file leaves open is refused by line and column, with the option that settles it."""

import numpy as np
import pytest

from skdyn import TrajectoryError
from skdyn.data.table import read_csv


@pytest.fixture
def read(tmp_path):
    def run(*lines, **options):
        (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
        return read_csv(tmp_path / "data.csv", **options)

    return run


def test_the_home_folder_is_found(read, tmp_path, monkeypatch):
    read("t,x", "0,1", "1,2")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert read_csv("~/data.csv").n_points == 2


def test_points_in_numbers_with_decimal_commas(read):
    with pytest.raises(TrajectoryError, match=r"line 4, column 'count': '1\.000' has a point.*say --decimal \."):
        read("t;count;x", "0,0;998;0,5", "0,5;999;0,7", "1,0;1.000;0,1", "1,5;1.001;0,9")
    with pytest.raises(TrajectoryError, match=r"line 4, column 't': '1\.000' has a point"):
        read("t;x", "998;0,5", "999;0,7", "1.000;0,1")
    dotted = read("date;x", "01.02.2024;0,5", "02.02.2024;0,7", date_format="%d.%m.%Y", time_unit="day")
    np.testing.assert_array_equal(dotted.times[0], [0, 1])


def test_dates_written_as_numbers(read):
    lines = ("date,x", "20240131,1", "20240201,3", "20240202,2")
    with pytest.raises(
        TrajectoryError, match=r"column 'date' are dates .* such as 20240131: pass --date-format %Y%m%d"
    ):
        read(*lines)
    np.testing.assert_array_equal(read(*lines, date_format="%Y%m%d", time_unit="day").times[0], [0, 1, 2])


def test_trajectories_without_any_time_are_left_out_with_one_warning(read):
    lines = ("id,t,x", "a,0,1", "a,1,3", "a,2,2", "b,,4", "b,,1", "c,,4", "c,1,4", "c,2,5")
    with pytest.raises(TrajectoryError, match="line 5, column 't': the time is empty; pass --missing drop"):
        read(*lines)
    with pytest.warns(UserWarning, match=r"1 of 3 trajectories are left out, .* no row of them has a time .*'b'"):
        assert read(*lines, missing="drop").ids == ("a", "c")
    with pytest.raises(TrajectoryError, match="the time is empty, as in all other rows"):
        read("t,x", ",1", ",2", missing="drop")


def test_times_of_the_day_written_as_numbers(read):
    clock = [f"{9 + minute // 60}{minute % 60:02},{minute % 7}" for minute in range(0, 240, 20)]
    with pytest.raises(TrajectoryError, match=r"'time' are times of the day .*with a colon, .* --date-format %H:%M"):
        read("time,x", *clock)
    colons = read("time,x", *(f"{line[:-4]}:{line[-4:]}" for line in clock), date_format="%H:%M", time_unit="minute")
    np.testing.assert_array_equal(colons.times[0], np.arange(0, 240, 20))


def test_text_among_states(read):
    with pytest.raises(TrajectoryError, match=r"line 2, column 'region': 'a' is no.*--group region .*--features x y$"):
        read("region,day,x,y", "a,0,1,3", "a,1,2,4", "b,0,3,5")


def test_gaps_are_kept_beside_inputs(read):
    lines = ("t,dose,x", "0,5,", "1,0,4", "2,5,", "3,0,2")
    with pytest.raises(
        TrajectoryError,
        match=r"line 2, column 'dose': .*: keep them, --missing keep or read_csv\(..., missing='keep'\)",
    ):
        read(*lines, inputs=["dose"], missing="drop")
    np.testing.assert_array_equal(read(*lines, inputs=["dose"], missing="keep").inputs[0][:, 0], [5, 0, 5, 0])

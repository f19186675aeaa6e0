"""Dates that are text: their form is guessed, and proposed in the call."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skdyn import Trajectories, TrajectoryError
from skdyn.data.date_forms import date_form


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y %H:%M", "%b %d, %Y", "%Y/%m/%d", ""])
@pytest.mark.parametrize("freq", ["D", "W", "MS", "ME"])
def test_the_form_of_dates_is_guessed_by_their_order(form, freq):
    dates = pd.date_range("2024-01-01", periods=40, freq=freq)
    assert date_form(list(dates.strftime(form or "%Y-%m-%d"))) == form


def test_dates_that_are_text_are_proposed_as_the_time():
    """The first proposal, followed as it stands, reads them."""
    written = [f"{day:02d}.03.2024" for day in (1, 2, 5, 8)]
    frame = pd.DataFrame({"Datum": written, "S": [1.0, 2.0, 3.0, 5.0]})
    for table, call in (
        (frame, "frame['Datum'] = pandas.to_datetime(frame['Datum'], format='%d.%m.%Y')"),
        (
            pl.DataFrame(frame.to_dict("list")),
            "frame = frame.with_columns(polars.col('Datum').str.to_date('%d.%m.%Y'))",
        ),
    ):
        then = "Trajectories.from_dataframe(..., time='Datum')"
        with pytest.raises(TrajectoryError, match=re.escape(f": {call} makes dates of it, then {then}; or ")):
            Trajectories(table)
        known = {"frame": table.copy() if table is frame else table, "pandas": pd, "polars": pl}
        exec(call, known)
        read = Trajectories.from_dataframe(known["frame"], time="Datum", time_unit="day")
        np.testing.assert_array_equal(read.times[0], [0, 1, 4, 7])
    with pytest.raises(TrajectoryError, match=r"pandas\.to_datetime\(times, format='%d\.%m\.%Y'\) makes dates of text"):
        Trajectories.from_dataframe(frame, time="Datum")
    with pytest.raises(TrajectoryError, match=r"dates with pandas\.to_datetime\(frame\.index, format='%d\.%m\.%Y'\)"):
        Trajectories(frame.set_index("Datum"))
    with pytest.raises(TrajectoryError, match=r"\(times, format='%Y/%m/%d'\) makes dates of text"):
        Trajectories([(["2024/01/02", "2024/01/03"], np.ones((2, 1)))])
    assert "to_datetime(frame['Datum']) makes" in refusal(
        frame.assign(Datum=["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"])
    )
    assert "makes dates" not in refusal(frame.assign(t=range(4)))


def refusal(table):
    with pytest.raises(TrajectoryError) as error:
        Trajectories(table)
    return str(error.value)

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from skdyn.data.identities import identity_from_json, identity_to_json
from skdyn.exceptions import SkdynError

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "identity",
    [
        *(3, 2**70, 1.5, True, "a", ("a", 3, date(2020, 1, 2))),
        *(date(2020, 1, 2), datetime(2020, 1, 2, 3, 4, 5, 6), datetime(2020, 1, 2, tzinfo=UTC)),
        datetime(2020, 1, 2, tzinfo=timezone(timedelta(hours=-3, seconds=7))),
        *(datetime(2020, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1)),
        *(pd.Timestamp("2020-01-02 03:04:05.123456789"), pd.Timestamp(1603589400, unit="s", tz="Europe/Berlin")),
        *(pd.Period("2020-02", "M"), pd.Period("2020Q2", "Q-NOV"), np.datetime64("2020-01", "ms")),
    ],
)
def test_identities_come_back_as_the_same_type_and_value(identity):
    again = identity_from_json(json.loads(json.dumps(identity_to_json(identity, 0))))
    assert type(again) is type(identity)
    assert repr(again) == repr(identity)
    assert again == identity


def test_numbers_of_numpy_are_plain_ones():
    assert [identity_to_json(value, 0) for value in (np.int64(3), np.str_("a"), np.bool_(True))] == [3, "a", True]


class Named(date):
    pass


@pytest.mark.parametrize(
    "identity",
    [
        *(
            b"a",
            Decimal(1),
            timedelta(1),
            np.timedelta64(1, "ns"),
            float("inf"),
            None,
            pd.NaT,
            np.datetime64("NaT"),
            Named(2020, 1, 2),
        ),
        *(pd.Interval(0, 1), (1, Decimal(2)), {"kind": "date"}),
        datetime(2020, 1, 2, tzinfo=timezone(timedelta(0), "home")),
    ],
)
def test_others_are_refused_with_what_to_do(identity):
    with pytest.raises(SkdynError, match=r"identity of trajectory 4 is .* cannot be saved.*Trajectory\(t, x, id="):
        identity_to_json(identity, 4)


@pytest.mark.parametrize(
    "saved",
    [
        *(None, float("nan"), {}, {"kind": "date"}, {"kind": "date", "value": 3}, {"kind": "date", "value": "today"}),
        *({"kind": "sundial", "value": "1"}, {"kind": "Timestamp", "value": "NaT"}, [["a", None]]),
        {"kind": "datetime64", "value": "NaT", "unit": "s"},
        {"kind": "datetime64", "value": "2020", "unit": "parsec"},
        {"kind": "date", "value": "2020-01-02", "more": "1"},
        *(
            {"kind": "datetime", "value": "2020-01-02", "zone": zone}
            for zone in ("/etc/passwd", "Nowhere", "1e9", "nan")
        ),
        {"kind": "Period", "value": "2020", "unit": "fortnight"},
    ],
)
def test_what_is_no_identity_is_not_believed(saved):
    with pytest.raises((ValueError, TypeError, KeyError)):
        identity_from_json(saved)

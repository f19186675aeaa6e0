"""How dates that are no ISO dates are written, guessed from some of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median

ISO = ""
"""What `date_form` says of ISO dates, which need no form."""

_DAYS = (
    *("%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y"),
    *("%Y-%m", "%m/%Y", "%b %Y", "%B %Y"),
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_SAMPLE = 1000


def date_form(texts: Sequence[str]) -> str | None:
    """The form of dates, for `datetime.strptime`; `ISO` of ISO dates, None of texts that are no dates.

    Where days and months may be one or the other, the form by which most dates come after the one before, or else by
    which the steps are more even; of few dates both may be.

    Examples
    --------
    >>> date_form(["01.03.2024 12:30", "02.03.2024 12:30"])
    '%d.%m.%Y %H:%M'
    >>> date_form(["3/1/2024", "3/15/2024"]), date_form(["Monday", "Tuesday"])
    ('%m/%d/%Y', None)
    """
    texts = [text.strip() for text in texts[:_SAMPLE]]
    order = {form: _order(texts, form) for form in (ISO, *(day + clock for day in _DAYS for clock in _CLOCKS))}
    found = {form: how for form, how in order.items() if how is not None}
    return max(found, key=lambda form: found[form], default=None)


def _order(texts: Sequence[str], form: str) -> tuple[int, float] | None:
    """How many dates come after the one before, and how even their steps are; None where not all are of this form."""
    if not texts:
        return None
    try:
        dates = [datetime.strptime(text, form) if form else datetime.fromisoformat(text) for text in texts]
        steps = [(after - before).total_seconds() for before, after in pairwise(dates)]
    except (ValueError, TypeError):  # also of dates with and without a zone
        return None
    usual = median(map(abs, steps)) if steps else 0.0
    return sum(step > 0 for step in steps), -round(max(map(abs, steps)) / usual, 1) if usual else 0.0

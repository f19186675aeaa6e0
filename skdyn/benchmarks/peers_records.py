"""What one fit of the comparison of peers came to, and the file that holds it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from skdyn import __version__

ANSWERED, REFUSED, SLOW, FAILED = "answered", "refused", "slow", "failed"


@dataclass(frozen=True)
class Record:
    """One fit, and what it is worth; what one file holds.

    Attributes
    ----------
    suite, case, system, estimator, outcome, reason : str
    percent, error : dict
        As in `Judgement`.
    cpu_seconds : float or None
        Processor time of the fit.
    megabytes : float or None
        Most memory during the fit, less that before it; None where the system does not tell.
    params : str
        The estimator's parameters.
    version : str
        skdyn's.
    limit : float
        Seconds after which the fit would have been slow.
    """

    suite: str
    case: str
    system: str
    estimator: str
    outcome: str
    reason: str = ""
    percent: dict[str, float] = field(default_factory=dict)
    error: dict[str, float | None] = field(default_factory=dict)
    cpu_seconds: float | None = None
    megabytes: float | None = None
    params: str = ""
    version: str = __version__
    limit: float = 0.0


def read_record(path: Path, blank: Record) -> Record | None:
    """The record of an earlier run, unless of other parameters, another version, or too slow for less time."""
    if not path.exists():
        return None
    record = Record(**json.loads(path.read_text(encoding="utf-8")))
    if (record.params, record.version) != (blank.params, blank.version):
        return None
    return None if record.outcome == SLOW and record.limit < blank.limit else record


def write_record(path: Path, record: Record) -> None:
    """Write a record's file, at once or not at all."""
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
    unfinished.replace(path)

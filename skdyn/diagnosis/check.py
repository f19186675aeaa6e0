"""What a diagnosis says: checks with their evidence, and those of them that speak against the model."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass, field
from typing import Literal

_WIDTH = 100


@dataclass(frozen=True)
class Check:
    """One assumption of a model, held against the data.

    Attributes
    ----------
    name : str
        What would be wrong, such as ``"contradictory velocities"``.
    evidence : float
        The number that was found; NaN where the data are too few to say.
    threshold : float
    side : {"above", "below"}
        On which side of the threshold evidence speaks against the model.
    measure : str
        What the number is, with its unit.
    likely : str
        What is likely the cause, where the check fails.
    advice : str
        What to try, where the check fails.
    hopeless : bool
        Whether a model of this kind cannot describe such data at all, so that `fit` warns.
    warned : bool
        Whether `fit` warns although the model can describe such data.
    """

    name: str
    evidence: float
    threshold: float
    side: Literal["above", "below"]
    measure: str
    likely: str = ""
    advice: str = ""
    hopeless: bool = False
    warned: bool = False

    @property
    def failed(self) -> bool:
        """Whether the evidence speaks against the model."""
        if math.isnan(self.evidence):
            return False
        return self.evidence > self.threshold if self.side == "above" else self.evidence < self.threshold

    def __str__(self) -> str:
        sign = {"above": ">", "below": "<"}[self.side]
        return f"{self.name}: {self.measure} is {self.evidence:.3g} ({sign} {self.threshold:.3g})"


@dataclass(frozen=True)
class Diagnosis:
    """Every check of a fitted estimator; those that failed come first when it is printed.

    Attributes
    ----------
    checks : tuple of Check
    findings : tuple of Check
        Those that failed.
    adequate : bool
        Whether none failed that makes a model of this kind hopeless.
    """

    checks: tuple[Check, ...]
    findings: tuple[Check, ...] = field(init=False)
    adequate: bool = field(init=False)

    def __post_init__(self) -> None:
        findings = tuple(sorted((check for check in self.checks if check.failed), key=lambda check: not check.hopeless))
        object.__setattr__(self, "findings", findings)
        object.__setattr__(self, "adequate", not any(check.hopeless for check in findings))

    def __repr__(self) -> str:
        passed = [check.name for check in self.checks if not check.failed and not math.isnan(check.evidence)]
        unknown = [check.name for check in self.checks if math.isnan(check.evidence)]
        lines = ["Diagnosis: " + (f"{len(self.findings)} of {len(self.checks)} checks speak against the model"
                                  if self.findings else "nothing speaks against the model")]  # fmt: skip
        for check in self.findings:
            lines += textwrap.wrap(str(check), _WIDTH, initial_indent="  ! ", subsequent_indent="    ")
            for word, text in (("likely", check.likely), ("try", check.advice)):
                lines += textwrap.wrap(f"{word}: {text}", _WIDTH, initial_indent="    ", subsequent_indent="      ")
        for word, names in (("passed", passed), ("too few data for", unknown)):
            if names:
                lines += textwrap.wrap(f"{word}: {', '.join(names)}", _WIDTH, initial_indent="  ",
                                       subsequent_indent="    ")  # fmt: skip
        return "\n".join(lines)

    def warning(self) -> str | None:
        """What `fit` warns of: the first finding that is hopeless or else one that says so; None if there is none."""
        for worst in self.findings:  # what is hopeless comes first
            if worst.hopeless or worst.warned:
                return f"{worst}; likely {worst.likely}; try {worst.advice} (see diagnose())"
        return None

"""What is known of each term of found equations: its coefficient, its error, and how often it survives.

Letters: T terms, D variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skdyn.sparse.model import SparseODE
from skdyn.sparse.printing import shifted

SURVIVES = 0.9
"""Share of the fits from which a term counts as supported."""
_MENTIONED = 0.2


@dataclass(frozen=True)
class TermEvidence:
    """One term of one equation.

    Attributes
    ----------
    variable : str
        Whose derivative it is in.
    term : str
        Such as ``"hare lynx"``; ``"1"`` for the constant.
    coefficient : float
        In the user's units; zero where the found equation lacks the term.
    standard_error : float
        One standard deviation of it, given the terms.
    share : float
        Of the fits to resampled data that have the term.
    """

    variable: str
    term: str
    coefficient: float
    standard_error: float
    share: float

    @property
    def supported(self) -> bool:
        """Whether nine tenths of the fits have it."""
        return self.share >= SURVIVES


@dataclass(frozen=True)
class EquationEvidence:
    """Terms of found equations with what resampling says of them; its text is a table.

    Attributes
    ----------
    terms : tuple of TermEvidence
        Those of the found equations, equation by equation.
    others : tuple of TermEvidence
        Those that the found equations lack but a fifth of the fits or more have.
    n_fits : int
    unchanged : float
        Share of the fits that have exactly the terms of the found equations.
    """

    terms: tuple[TermEvidence, ...]
    others: tuple[TermEvidence, ...]
    n_fits: int
    unchanged: float

    @classmethod
    def of(cls, ode: SparseODE, names: Sequence[str], supports: NDArray[np.bool_]) -> EquationEvidence:
        """From the terms (N, T, D) of N fits."""
        found, shares = ode.coefficients != 0, supports.mean(axis=0)
        terms = ode.library.names(shifted(names, ode.center))

        def listed(chosen: NDArray[np.bool_]) -> tuple[TermEvidence, ...]:
            return tuple(
                TermEvidence(
                    names[d],
                    terms[t],
                    float(ode.coefficients[t, d]),
                    float(ode.standard_errors[t, d]),
                    float(shares[t, d]),
                )
                for d, t in np.argwhere(chosen.T).tolist()
            )

        unchanged = float((supports == found).all(axis=(1, 2)).mean())
        return cls(listed(found), listed(~found & (shares >= _MENTIONED)), len(supports), unchanged)

    def __str__(self) -> str:
        rows = [("equation", "term", "coefficient", "standard error", f"in fits of {self.n_fits}")]
        for term in (*self.terms, *self.others):
            numbers = (f"{term.coefficient:.4g}", f"{term.standard_error:.2g}") if term.coefficient else ("none", "")
            rows.append((f"d({term.variable})/dt", term.term, *numbers, f"{term.share:.0%}"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, f"exactly these terms in {self.unchanged:.0%} of the fits"])

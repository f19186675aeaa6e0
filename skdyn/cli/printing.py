"""What several commands say about a fitted field."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def print_equilibria(estimator: Any) -> None:
    """Print the equilibria of a fitted estimator, one a line."""
    names = getattr(estimator, "feature_names_in_", [f"x{d}" for d in range(estimator.n_features_in_)])
    found = estimator.equilibria()
    print("Equilibria:" if found else "Equilibria: none in the box of the data, widened by a quarter")
    for point in found:
        state = ", ".join(f"{name} = {value:.4g}" for name, value in zip(names, point.state, strict=True))
        print(f"  {state}: {point.kind}{'' if point.inside else ' (outside the data: an extrapolation)'}")


def draw(estimator: Any, path: Path) -> None:
    """Draw the phase portrait of a fitted estimator, or say that matplotlib is not there."""
    try:
        import matplotlib
    except ImportError:
        print('No picture: matplotlib is not installed (pip install "skdyn[plot]")', file=sys.stderr)
        return
    matplotlib.use("agg")
    from skdyn import DriftDiffusionDisplay, PhasePortraitDisplay

    display: Any = DriftDiffusionDisplay if hasattr(estimator, "diffusion") else PhasePortraitDisplay
    display.from_estimator(estimator).figure_.savefig(path, dpi=150)
    print(f"Phase portrait written to {path}")

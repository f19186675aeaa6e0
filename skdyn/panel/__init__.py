"""Many data sets at once: one row of results for each group of a table."""

from skdyn.panel.panel import fit_panel

__all__ = ["fit_panel"]

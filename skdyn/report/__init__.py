"""One page on a fitted estimator, for people: it opens without a network, and everything on it can be zoomed."""

from skdyn.report.page import write_report

__all__ = ["write_report"]

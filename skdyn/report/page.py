"""The page of a report: sections and figures in one file, with plotly's own program inside."""

from __future__ import annotations

import os
from html import escape
from typing import Any

from sklearn.utils.validation import check_is_fitted

from skdyn.data.parameters import check_number
from skdyn.files.paths import user_path
from skdyn.files.writing import write_file
from skdyn.report.figures import field_figures, trajectory_figures
from skdyn.report.sections import (
    adequacy_section,
    data_section,
    equations_section,
    equilibria_section,
    python_section,
)

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #22262e; max-width: 980px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #d5d8de; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { text-align: left; padding: 0.2em 1em 0.2em 0; vertical-align: top; }
th { border-bottom: 1px solid #7d8597; } pre { background: #f4f5f7; padding: 0.8em; white-space: pre-wrap; }
.hopeless, .doubt, .fine { border-left: 5px solid #d1495b; background: #fbeff1; padding: 0.5em 0.8em;
  margin: 0.6em 0; }
.doubt { border-color: #e2a03f; background: #fcf5ea; } .fine { border-color: #3f8f5f; background: #eef7f1; }
"""
# Nothing may be loaded from anywhere.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; img-src data: blob:"


def write_report(
    estimator: Any,
    path: str | os.PathLike[str],
    title: str | None = None,
    source: str | None = None,
    n_fits: int = 20,
) -> None:
    """Write the page of a fitted estimator of a field.

    Parameters
    ----------
    estimator : fitted estimator of an ODE or an SDE
    path : str or path
        Of the page; its folder is made where it does not exist.
    title : str, optional
        The class by default.
    source : str, optional
        Lines of Python that read the data as ``X``.
    n_fits : int, default=20
        Fits to resampled data, for the evidence of terms where equations were searched for; 0 leaves it out.

    Raises
    ------
    ImportError
        Without plotly.
    FileError
        If the page cannot be written; what was there before is then as it was.
    """
    check_is_fitted(estimator)
    place = user_path(path)
    check_number("n_fits", n_fits, whole=True, low=0, include_low=True)
    try:
        from plotly.io import to_html
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise ImportError('reports need plotly: pip install "skdyn[report]"') from None
    config = {"scrollZoom": True, "displaylogo": False, "responsive": True}

    def drawn(figures: list[Any], name: str) -> str:
        return "".join(
            to_html(figure, config=config, include_plotlyjs=False, full_html=False, div_id=f"{name}-{k}")
            for k, figure in enumerate(figures)
        )

    field = drawn(field_figures(estimator), "field") or "<p>A field of more than three variables is not drawn.</p>"
    count, shown = len(estimator.context_), trajectory_figures(estimator)
    more = "" if count == len(shown) else f"<p>The first {len(shown)} of {count} trajectories.</p>"
    sections = {
        "The data": data_section(estimator),
        "Can such a model describe them?": adequacy_section(estimator.diagnose()),
        "Over time": more + drawn(shown, "trajectory"),
        "The field": field,
        "Equations": equations_section(estimator, n_fits),
        "Equilibria": equilibria_section(estimator),
        "The same in Python": python_section(estimator, source),
    }
    body = "".join(f"<section><h2>{escape(heading)}</h2>{content}</section>" for heading, content in sections.items())
    heading = escape(type(estimator).__name__ if title is None else title)
    page = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><title>{heading}</title>'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style><script>{get_plotlyjs()}</script></head>'
        f"<body><h1>{heading}</h1>{body}</body></html>"
    )
    write_file(place, page.encode("utf-8"))

"""What a user knows of the equations: fixed, forbidden and required terms, bounds, conserved sums, positive states.

Letters: L columns that terms are made of, D of them variables that evolve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from skdyn.data.numbers import read_numbers
from skdyn.data.trajectories import Trajectories
from skdyn.sparse.parsing import Term, parse_linear, parse_numbered, parse_sum, parse_terms

Array = NDArray[np.float64]

_SIGNS = {"+": (0.0, np.inf), "-": (-np.inf, 0.0)}


@dataclass(frozen=True)
class Constraints:
    """Known physics, kept exactly by every field that a search of sparse equations considers.

    Variables are named as in the data, ``x0``, ``x1`` and so on where the data have no names, and terms are written as
    in `Library`. Coefficients are in the units of the data.

    Parameters
    ----------
    known : mapping of variable to text, or to a mapping of term to number, optional
        Terms of the variable's equation with these very coefficients: ``{"v": {"x": -1.0}}`` or ``{"v": "-x"}``. The
        other terms are fitted on top.
    known_part : callable, (N, D) -> (N, D), optional
        A known part of the field: time derivatives at states, to which fitted terms are added. An estimator with it
        cannot be saved.
    bounds : mapping of variable to a mapping of term to ``(low, high)``, ``"+"`` or ``"-"``, optional
        Where the coefficient lies, if the term is in the equation; None is no bound.
    forbidden : mapping of variable to terms separated by commas, optional
    required : mapping of variable to terms separated by commas, optional
        Terms that selection may not drop.
    conserved : text or sequence of texts, optional
        Sums that do not change: ``"S + I + R"``.
    positive : True or sequence of variables, optional
        States that never leave zero upwards from below: in their equations, every term is a factor of the variable or
        an inflow, which is not negative for positive states; nor are inputs and parameters whose values are all zero or
        more. True is all of them.
    linear_part : {"symmetric", "skew"}, optional
        Of the matrix of linear terms; skew-symmetric is that of an undamped oscillator or a rotation.

    Examples
    --------
    As an estimator takes them, as an object or as a mapping of its fields:

    >>> import numpy as np
    >>> from skdyn import SparseODERegressor, Trajectory
    >>> t = np.linspace(0, 10, 60)
    >>> orbits = [
    ...     Trajectory(t, r * np.column_stack([np.cos(2 * t), -2 * np.sin(2 * t)]), ("q", "v")) for r in (1.0, 2.0)
    ... ]
    >>> known = {"known": {"q": {"v": 1.0}}, "bounds": {"v": {"q": "-"}}}
    >>> SparseODERegressor(constraints=known).fit(orbits).equations()
    ['d(q)/dt = v', 'd(v)/dt = -4 q']
    """

    known: Mapping[str, str | Mapping[str, float]] | None = None
    known_part: Callable[[Array], Array] | None = None
    bounds: Mapping[str, Mapping[str, Any]] | None = None
    forbidden: Mapping[str, str | Sequence[str]] | None = None
    required: Mapping[str, str | Sequence[str]] | None = None
    conserved: str | Sequence[str] = ()
    positive: bool | Sequence[str] = ()
    linear_part: Literal["symmetric", "skew"] | None = None

    @classmethod
    def read(cls, value: Any) -> Constraints:
        """Read what a user gave: None, a mapping of the fields, or Constraints.

        Raises
        ------
        ValueError
        """
        if value is None:
            return cls()
        if isinstance(value, Mapping):
            names = [field.name for field in fields(cls)]
            for name in value:
                if name not in names:
                    raise ValueError(f"constraints have no {name!r}; they have {', '.join(names)}")
            value = cls(**value)
        if not isinstance(value, cls):
            raise ValueError(f"constraints must be None or Constraints, got {value!r:.80}")
        return value


@dataclass(frozen=True)
class NamedBound:
    """Where one coefficient lies; ``source`` is what errors call it."""

    component: int
    term: Term
    low: float
    high: float
    source: str


@dataclass(frozen=True)
class ReadConstraints:
    """Constraints with the names of the data read, in the user's units.

    Attributes
    ----------
    fixed : tuple of (component, term, value, source)
    bounds : tuple of NamedBound
    forbidden, required : tuple of (component, term, source)
    conserved : array of shape (C, D)
        One weight a variable and sum.
    positive : boolean array of shape (D,)
    not_negative : boolean array of shape (L,)
        Positive variables, and inputs and parameters that are nowhere negative.
    linear_part : {"symmetric", "skew"} or None
    known_part : callable or None
    """

    fixed: tuple[tuple[int, Term, float, str], ...]
    bounds: tuple[NamedBound, ...]
    forbidden: tuple[tuple[int, Term, str], ...]
    required: tuple[tuple[int, Term, str], ...]
    conserved: Array
    positive: NDArray[np.bool_]
    not_negative: NDArray[np.bool_]
    linear_part: str | None
    known_part: Callable[[Array], Array] | None

    @classmethod
    def in_context(cls, constraints: Constraints | Mapping[str, Any] | None, context: Trajectories) -> ReadConstraints:
        """Read what is given for a context, with its names and its inputs and parameters; see `of`."""
        outside = np.concatenate(context.outside)
        return cls.of(Constraints.read(constraints), context.column_names, context.n_features, outside)

    @classmethod
    def of(
        cls, constraints: Constraints, names: Sequence[str], n_features: int, outside: Array | None = None
    ) -> ReadConstraints:
        """Read the texts with the names (L,) of the columns: D that evolve, and others with values (M, G).

        Raises
        ------
        ValueError
            For unknown names, terms that cannot be read, and numbers that are no numbers.
        """
        states = list(names[:n_features])
        fixed, required = [], []
        for component, name, value in _by_variable("known", constraints.known, states):
            what = f"constraints: known[{name!r}]"
            if isinstance(value, str):
                fixed += [(component, term, number, what) for number, term in parse_sum(value, names, what)]
            else:
                fixed += [(component, term, number * _number(item, where), where)
                          for number, term, item, where in _by_term(value, names, what)]  # fmt: skip
        bounds = []
        for component, name, value in _by_variable("bounds", constraints.bounds, states):
            for number, term, item, where in _by_term(value, names, f"constraints: bounds[{name!r}]"):
                low, high = _interval(item, where)
                bounds.append(NamedBound(component, term, number * low, number * high, where))
        required = _listed("required", constraints.required, names, states)
        forbidden = _listed("forbidden", constraints.forbidden, names, states)
        seen: set[tuple[int, Term]] = set()
        for component, term, _, where in fixed:
            if (component, term) in seen:
                raise ValueError(f"{where}: a term is given twice")
            seen.add((component, term))
        if constraints.linear_part not in (None, "symmetric", "skew"):
            raise ValueError(
                f"constraints: linear_part must be None, 'symmetric' or 'skew', got {constraints.linear_part!r:.80}"
            )
        if constraints.known_part is not None and not callable(constraints.known_part):
            raise ValueError(f"constraints: known_part must be callable, got {constraints.known_part!r:.80}")
        positive = _positive(constraints.positive, states)
        given = np.zeros(len(names) - n_features, dtype=bool) if outside is None else (outside >= 0).all(axis=0)
        return cls(
            tuple(fixed),
            tuple(bounds),
            tuple(forbidden),
            tuple(required),
            _conserved(constraints.conserved, names, n_features),
            positive,
            np.concatenate([positive, given]),
            constraints.linear_part,
            constraints.known_part,
        )

    @property
    def any(self) -> bool:
        """Whether anything is known."""
        return bool(
            self.fixed or self.bounds or self.forbidden or self.required or len(self.conserved)
            or self.positive.any() or self.linear_part or self.known_part
        )  # fmt: skip

    @property
    def named_terms(self) -> list[Term]:
        """Terms that every library must have: those that are known or required."""
        return [term for _, term, _, _ in self.fixed] + [term for _, term, _ in self.required]


def check_known_part(function: Callable[[Array], Array], points: Array, n_features: int, places: Sequence[str]) -> None:
    """Call a known part at points (N, L), of which errors say the places.

    Raises
    ------
    ValueError
        If it does not return finite numbers of shape (N, D).
    """
    if not len(points):
        return
    what, expected = "constraints: known_part", (len(points), n_features)
    with np.errstate(all="ignore"):
        returned = function(points)
    found = read_numbers(returned, what, "it must return real numbers", ValueError)
    if found.shape != expected:
        raise ValueError(
            f"{what} must return an array of shape {expected}, a row of time derivatives for each row of its argument, "
            f"whose shape is {points.shape}; got shape {found.shape}"
        )
    if not np.isfinite(found).all():
        row, d = np.argwhere(~np.isfinite(found))[0].tolist()
        raise ValueError(
            f"{what} is {found[row, d]} for variable {d} at {places[row]}: let it be finite there too, such as "
            "np.sqrt(np.maximum(x, 0))"
        )


def _by_variable(field: str, value: Any, states: list[str]) -> Iterator[tuple[int, str, Any]]:
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise ValueError(f"constraints: {field} must be a mapping by variable, got {value!r:.80}")
    for name, item in value.items():
        yield _component(name, states, f"constraints: {field}"), name, item


def _component(name: Any, states: list[str], what: str) -> int:
    if name not in states:
        raise ValueError(f"{what} names {name!r}; the variables are {', '.join(states[:20])}")
    return states.index(name)


def _by_term(value: Any, names: Sequence[str], what: str) -> Iterator[tuple[float, Term, Any, str]]:
    """The number and the term of each text, what is given for them, and what errors call it."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must be a mapping by term, got {value!r:.80}")
    for text, item in value.items():
        ((number, term), *more) = parse_numbered(text, names, what)
        if more:
            raise ValueError(f"{what}: one term at a time, got {text!r:.80}")
        yield number, term, item, f"{what}[{text!r}]"


def _listed(field: str, value: Any, names: Sequence[str], states: list[str]) -> list[tuple[int, Term, str]]:
    out = []
    for component, name, item in _by_variable(field, value, states):
        what = f"constraints: {field}[{name!r}]"
        if not isinstance(item, (list, tuple, str)):
            raise ValueError(f"{what} must be terms, got {item!r:.80}")
        for text in [item] if isinstance(item, str) else item:
            out += [(component, term, what) for term in parse_terms(text, names, what)]
    return out


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{what} must be a number, got {value!r:.80}")
    if not np.isfinite(value):
        raise ValueError(f"{what} must be finite, got {value!r}")
    return float(value)


def _interval(value: Any, what: str) -> tuple[float, float]:
    if isinstance(value, str) and value in _SIGNS:
        return _SIGNS[value]
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{what} must be (low, high), '+' or '-', got {value!r:.80}")
    low, high = (
        default if item is None or item == default else _number(item, what)
        for item, default in zip(value, (-np.inf, np.inf), strict=True)
    )
    if low > high:
        raise ValueError(f"{what}: the lower bound {low:g} is above the upper one {high:g}")
    return low, high


def _conserved(value: Any, names: Sequence[str], n_features: int) -> Array:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)):
        raise ValueError(f"constraints: conserved must be text or a sequence of texts, got {value!r:.80}")
    rows = [parse_linear(text, names, "constraints: conserved") for text in texts]
    for text, row in zip(texts, rows, strict=True):
        if row[n_features:].any():
            raise ValueError(f"constraints: conserved {text!r} holds what is no state: only states are conserved")
    return np.array([row[:n_features] for row in rows]).reshape(-1, n_features)


def _positive(value: Any, states: list[str]) -> NDArray[np.bool_]:
    if isinstance(value, bool):
        return np.full(len(states), value)
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise ValueError(f"constraints: positive must be True or a sequence of variables, got {value!r:.80}")
    out = np.zeros(len(states), dtype=bool)
    for name in cast(Sequence[Any], value):
        out[_component(name, states, "constraints: positive")] = True
    return out

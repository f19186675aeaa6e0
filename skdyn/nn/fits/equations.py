"""The sparse fits of a single context as equations: terms with their coefficients.

Letters: F sparse fits, T terms, D variables, W columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from skdyn.nn.fits.families import Fits
from skdyn.nn.fits.functions import SINE


class FunctionTerm(NamedTuple):
    """``sin``, ``cos`` or a Hill function (``rise``) of ``direction . x``; see `skdyn.nn.fits.functions`."""

    kind: str
    direction: tuple[float, ...]
    power: int


@dataclass(frozen=True)
class Equations:
    """Equations in deviations from the user's zero, ``z + origin``.

    Attributes
    ----------
    exponents : integer Tensor of shape (T, W)
    functions : tuple of FunctionTerm
        By which some of the monomials are multiplied.
    function_of : integer Tensor of shape (T,)
        Which of them; -1 for none.
    coefficients : Tensor of shape (F, T, D)
    active : boolean Tensor of shape (F, T, D)
    places : tuple of int
        Of the fits among all.
    """

    exponents: Tensor
    functions: tuple[FunctionTerm, ...]
    function_of: Tensor
    coefficients: Tensor
    active: Tensor
    places: tuple[int, ...]

    @classmethod
    def of(cls, fits: Fits) -> Equations:
        """Those of all sparse fits."""
        _, sparse, *others = fits.places
        library, dim, plain = fits.library, fits.variables, fits.plain_terms
        powers = [[term.count(d) for d in range(library.dim)] for term in library.terms]
        monomials, places = len(powers), [*sparse, *(place for kind in others for place in kind)]
        kinds = [_Kind.of(fits, kind) for kind in range(len(others))]
        total = monomials + sum(len(kind.function_of) for kind in kinds)
        values, supports = (part[0] for part in (fits.coefficients, fits.active))  # (F, D, Q)
        coefficients = values.new_zeros(len(places), dim, total)
        active = supports.new_zeros(len(places), dim, total)
        for whole, part in ((coefficients, values), (active, supports)):
            own = part[list(sparse)]
            if fits.terms is not None:
                where = fits.terms[0, 1].expand(len(sparse), -1, -1)
                own = own.new_zeros(*own.shape[:2], monomials).scatter(-1, where, own[..., : where.shape[-1]])
            whole[: len(sparse), :, :monomials] = own
            row, at = len(sparse), monomials
            for kind, fitted in zip(kinds, others, strict=True):
                rows = slice(row, row + len(fitted))
                whole[rows, :, :plain] = part[list(fitted)][..., :plain]
                for d in range(dim):
                    whole[rows, d, at : at + kind.width] = part[list(fitted), d, plain : plain + kind.width]
                    at += kind.width
                row += len(fitted)
        function_of, functions = [-1] * monomials, list[FunctionTerm]()
        for kind in kinds:
            powers += kind.exponents
            function_of += [len(functions) + own for own in kind.function_of]
            functions += kind.functions
        exponents = torch.tensor(powers, device=values.device)
        scale = fits.scale[0]
        units = scale[:dim, None] / (scale[None, None] ** exponents).prod(-1)  # (D, T)
        return cls(
            exponents,
            tuple(functions),
            torch.tensor(function_of, device=values.device),
            (coefficients * units * active).mT,
            active.mT,
            tuple(places),
        )

    def chosen(self, best: Tensor) -> Equations:
        """The equations of one fit for each variable (D,), as those of one fit, without functions that none has."""
        variables = torch.arange(len(best), device=best.device)
        coefficients, active = (part[best, :, variables].mT[None] for part in (self.coefficients, self.active))
        kept = (self.function_of < 0) | active[0].any(1)
        used, function_of = self.function_of[kept].unique(return_inverse=True)
        names = tuple(self.functions[int(f)] for f in used if f >= 0)
        return replace(
            self,
            exponents=self.exponents[kept],
            functions=names,
            function_of=function_of - (len(used) - len(names)),
            coefficients=coefficients[:, kept],
            active=active[:, kept],
            places=(),
        )


@dataclass(frozen=True)
class _Kind:
    """Terms with functions of one kind, equation by equation.

    Attributes
    ----------
    width : int
        Terms of each equation.
    exponents : list of list of W int
    functions : list of FunctionTerm
    function_of : list of int
    """

    width: int
    exponents: list[list[int]]
    functions: list[FunctionTerm]
    function_of: list[int]

    @classmethod
    def of(cls, fits: Fits, kind: int) -> _Kind:
        own, dim, columns = fits.functions[kind], fits.variables, fits.library.dim
        functions: list[FunctionTerm] = []
        exponents, function_of = [], []
        for d in range(dim):
            axis, power = int(own.axis[0, d]), int(own.power[0, d])
            rate = float(own.rate[0, d] / fits.scale[0, axis])
            direction = tuple(rate * (e == axis) for e in range(columns))
            names = ("sin", "cos") if own.kind == SINE else ("rise",)
            first = len(functions)
            functions += [FunctionTerm(name, direction, power) for name in names]
            if own.kind == SINE:
                exponents += [[0] * columns] * 2
                function_of += [first, first + 1]
            else:
                exponents += [[int(e == factor) for e in range(columns)] for factor in (-1, *range(dim))]
                function_of += [first] * (1 + dim)
        return cls(own.width(dim), exponents, functions, function_of)

"""Closed-form fits of drift and squared diffusion to a context: polynomials of several degrees, by two views.

One view takes the observations as they are; the other as noisy, with the variance of the noise that explains them best
beside a linear drift and a constant diffusion. A view's innovations are regressed on the drift's monomials, integrated
over each step between what is known at its start and what is expected of its end; what is left of them, squared, on
those of the squared diffusion. Both have the posterior of a normal prior, so that they say how sure they are.

Letters: B contexts, K trajectories, L points, D variables, F fits, P monomials, N queries.
Everything is in normalised units (`skdyn.models.normalization.fim_sde_scaling`), in double precision where the device
has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from skdyn.nn.fits.filtered import Filtered, expected_monomials, windows
from skdyn.nn.fits.monomials import exponents, monomials
from skdyn.nn.fits.solve import Posterior, ridge

VIEWS = ("observed", "filtered")
DRIFT_DEGREES = (0, 1, 2, 3)
SQUARE_DEGREES = (0, 1, 2)
DRIFT_FITS = len(VIEWS) * len(DRIFT_DEGREES)
SQUARE_FITS = len(VIEWS) * len(SQUARE_DEGREES)
_FEW = 3
"""Up to so many variables there are cubic drifts; of more, quadratic ones take their place."""
_WINDOW = 128
_NOISES = (0.0, 0.02, 0.05, 0.12, 0.3, 0.8, 2.0, 5.0, 15.0, 50.0)
"""Variances of the noise of the observations that are tried, in units of the diffusion's over a mean step."""
_PRIOR = 0.3
"""Inverse variance of a drift's coefficients; a unit of normalised time moves the states by about one."""
_ROUNDS = 3
_SQUARE_PRIOR = 1.0
"""Inverse variance of the squared diffusion's coefficients, in units of its mean."""
_REWEIGHTED = 2
_LEAST_SQUARE = 0.1
_STEEPEST = 1.5
"""Most change of a state's deviation over a step that the correction for the drift's slope is made for."""
FAR, FAST, STRONG = 12.0, 50.0, 50.0
SPREAD = (1e-4, 1e4)


@dataclass(frozen=True)
class StochasticFits:
    """Fitted polynomials of contexts of the same number of variables.

    Attributes
    ----------
    drift : Tensor of shape (B, F, D, P)
        Coefficients of the monomials of the largest degree.
    drift_root : Tensor of shape (B, F, D, P, P)
        ``root.T @ root`` is their covariance.
    square : Tensor of shape (B, G, D, P2)
        Of the squared diffusion.
    square_root : Tensor of shape (B, G, D, P2, P2)
    drift_misfit, square_misfit : Tensor of shape (B, F, D) and (B, G, D)
        Log-likelihood of the context under each fit less half the logarithm of the points for each of its terms, below
        the best of its view.
    about : Tensor of shape (B, D, 4)
        Log of the transitions, log of their mean step, log of one and the noise's variance over the diffusion's over a
        step, and the gain in log-likelihood by it.
    """

    drift: Tensor
    drift_root: Tensor
    square: Tensor
    square_root: Tensor
    drift_misfit: Tensor
    square_misfit: Tensor
    about: Tensor

    @property
    def variables(self) -> int:
        """Number of variables D."""
        return self.drift.shape[2]

    def answer_drift(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Drifts and log deviations of their own, each (B, N, F, D), at queries (B, N, D)."""
        drift, deviation = _answers(queries, largest_degree(self.variables), self.drift, self.drift_root)
        return drift.clamp(-FAST, FAST), deviation.clamp(*SPREAD).log()

    def answer_diffusion(self, queries: Tensor, floor: float) -> tuple[Tensor, Tensor]:
        """Logarithms of the diffusion and ``floor``, and log deviations of these, each (B, N, G, D), at queries."""
        square, deviation = _answers(queries, SQUARE_DEGREES[-1], self.square, self.square_root)
        square = square.clamp(0, STRONG**2)
        value = (square.sqrt() + floor).log()
        above = ((square + deviation).sqrt() + floor).log()
        return value, (above - value).clamp(*SPREAD).log()


def largest_degree(variables: int) -> int:
    """Degree of the largest drift of so many variables."""
    return DRIFT_DEGREES[-1] if variables <= _FEW else DRIFT_DEGREES[-2]


def _answers(queries: Tensor, degree: int, coefficients: Tensor, root: Tensor) -> tuple[Tensor, Tensor]:
    phi = monomials(queries.to(coefficients.dtype).clamp(-FAR, FAR), degree)
    value = torch.einsum("bnp,bfdp->bnfd", phi, coefficients).nan_to_num(0.0, 0.0, 0.0)
    spread = (phi[:, None, None].to(root.dtype) @ root.mT).square().sum(-1).movedim(-1, 1)  # (B, N, F, D)
    return value, spread.clamp(min=0).sqrt().nan_to_num(SPREAD[1], SPREAD[1], SPREAD[1])


@torch.no_grad()
def fit_stochastic(states: Tensor, times: Tensor, mask: Tensor) -> StochasticFits:
    """Fit drift and squared diffusion to contexts of the same number of variables.

    Parameters
    ----------
    states : Tensor of shape (B, K, L, D)
    times : Tensor of shape (B, K, L)
    mask : boolean Tensor of shape (B, K, L)
        Observed points come first in each trajectory.
    """
    return _Context(states, times, mask).fit()


class _Context:
    """A batch of contexts while they are fitted."""

    def __init__(self, states: Tensor, times: Tensor, mask: Tensor) -> None:
        kind = torch.float32 if states.device.type == "mps" else torch.float64
        self.dim = states.shape[-1]
        self.degree = largest_degree(self.dim)
        observed = windows(torch.where(mask[..., None], states.to(kind), 0.0), _WINDOW)
        there, moments = windows(mask, _WINDOW), windows(times.to(kind), _WINDOW)
        # A window's last point is repeated where it is cut short, so that no time passes between the copies.
        self.valid = there[:, :, 1:] & there[:, :, :-1] & (moments[:, :, 1:] > moments[:, :, :-1])
        self.observed = observed
        self.steps = torch.where(self.valid, moments[:, :, 1:] - moments[:, :, :-1], 0.0)
        self.count = self.valid.sum((1, 2)).to(kind).clamp(min=1)
        self.mean_step = (self.steps.sum((1, 2)) / self.count).clamp(min=1e-12)
        self.relative = torch.where(self.valid, self.steps / self.mean_step[:, None, None], 1.0)

    def fit(self) -> StochasticFits:
        """Fit both views."""
        noise, gain = self._noise()
        views = [_View(self, torch.zeros_like(noise)), _View(self, noise)]
        drift = [posterior for view in views for posterior in view.drifts]
        squares = [square for view in views for square in view.squares()]
        about = torch.stack([self.count.log()[:, None].expand_as(noise), self.mean_step.log()[:, None].expand_as(noise),
                             noise.log1p(), gain], -1)  # fmt: skip
        return StochasticFits(
            drift=torch.stack([fit.coefficients for fit in drift], 1),
            drift_root=torch.stack([fit.root for fit in drift], 1).float(),
            square=torch.stack([fit.coefficients for fit in squares], 1),
            square_root=torch.stack([fit.root for fit in squares], 1).float(),
            drift_misfit=torch.cat([view.misfit for view in views], 1).float(),
            square_misfit=torch.cat([view.square_misfit for view in views], 1).float(),
            about=about.float(),
        )

    @staticmethod
    def sums(weights: Tensor, target: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Gram matrices (..., B, D, P, P) of columns (..., B, K, W, D, P), and products with a target (..., D)."""
        weights, target = (part.movedim(-1, -3).flatten(-2).unsqueeze(-1) for part in (weights, target))
        columns = columns.movedim(-2, -4).flatten(-3, -2)
        weighted = (columns * weights).mT
        return weighted @ columns, (weighted @ target)[..., 0]

    def _noise(self) -> tuple[Tensor, Tensor]:
        """The likeliest of `_NOISES` between its neighbours (B, D), and what it gains over none in log-likelihood."""
        tried = torch.tensor(_NOISES, dtype=torch.float32).to(self.observed)
        noises = tried[:, None, None, None].expand(-1, 1, 1, self.dim)
        filtered = Filtered.of(self.observed, self.relative, noises)
        columns = self.steps[..., None] * monomials(filtered.states, 1)
        found = self.regress(filtered, filtered.respond(columns), 1)
        left = torch.where(self.valid[..., None], filtered.sizes.log(), 0.0).sum((-3, -2))
        likelihoods = -0.5 * (left + self.count[:, None] * found.variance.log())
        values = likelihoods.movedim(0, -1)  # (B, D, noises)
        best = values.argmax(-1)
        inner = best.clamp(2, len(_NOISES) - 2)[..., None]
        logs = tried[1:].log()
        below, middle, above = (values.gather(-1, inner + k)[..., 0] for k in (-1, 0, 1))
        # A parabola over the logarithms, whose spacing hardly varies.
        bend = (below - 2 * middle + above).clamp(max=-1e-9)
        shift = (0.5 * (below - above) / bend).clamp(-0.5, 0.5)
        spacing = (logs[inner[..., 0]] - logs[inner[..., 0] - 2]) / 2
        between = (logs[inner[..., 0] - 1] + shift * spacing).exp()
        noise = torch.where(best == inner[..., 0], between, tried[best])
        return noise, values.amax(-1) - values[..., 0]

    def regress(self, filtered: Filtered, columns: Tensor, degree: int) -> Posterior:
        """Regress innovations on columns (B, K, W, D, P) of a drift of some degree."""
        weights = self.valid[..., None] / filtered.sizes
        gram, cross = self.sums(weights, filtered.innovations, columns)
        square = (weights * filtered.innovations.square()).sum((-3, -2))
        count = self.count[:, None].expand_as(square)
        active = torch.ones_like(cross, dtype=torch.bool)
        found = ridge(gram, cross, square, count, active, _PRIOR, _ROUNDS)
        missing = len(exponents(self.dim, self.degree)) - cross.shape[-1]
        pad = torch.nn.functional.pad
        return Posterior(
            pad(found.coefficients, (0, missing)),
            pad(found.root, (0, missing, 0, missing)),
            found.variance,
            pad(found.active, (0, missing)),
        )


class _View:
    """The observations of a batch of contexts, with noise of a given size."""

    def __init__(self, context: _Context, noise: Tensor) -> None:
        self.context, self.noise = context, noise
        self.filtered = Filtered.of(context.observed, context.relative, noise[:, None])
        self.drifts: list[Posterior] = []
        self.left: list[Tensor] = []
        self._columns: list[Tensor] = []
        for degree in DRIFT_DEGREES:
            self._fit_drift(min(degree, context.degree))
        count = context.count[:, None, None]
        variance = torch.stack([fit.variance for fit in self.drifts], 1)
        terms = torch.stack([fit.active.sum(-1) for fit in self.drifts], 1).to(variance)
        score = -0.5 * count * variance.log() - 0.5 * terms * count.log()
        self.misfit = score.amax(1, keepdim=True) - score
        self.best = score.argmax(1)
        self.variance = variance.gather(1, self.best[:, None])[:, 0]

    def _fit_drift(self, degree: int) -> None:
        context, filtered = self.context, self.filtered
        steps = context.steps[..., None]
        unit = (self._rough_variance * filtered.variance).clamp(max=1.0)
        start = expected_monomials(filtered.states, unit, degree)
        columns = steps * start
        if degree > 0:
            # The mean of the end, as a step of the same degree predicts it, makes the integral that of a trapezoid.
            euler = context.regress(filtered, filtered.respond(columns), degree)
            moved = torch.einsum("bkwp,bdp->bkwd", columns, euler.coefficients[..., : columns.shape[-1]])
            end = (filtered.states + moved).clamp(-FAR, FAR)
            spread = (unit + euler.variance[:, None, None] * context.relative[..., None]).clamp(max=4.0)
            columns = steps * (start + expected_monomials(end, spread, degree)) / 2
        response = filtered.respond(columns)
        found = context.regress(filtered, response, degree)
        own = found.coefficients[..., : columns.shape[-1]]
        self.drifts.append(found)
        self.left.append(filtered.innovations - torch.einsum("bkwdp,bdp->bkwd", response, own))
        self._columns.append(torch.einsum("bkwp,bdp->bkwd", columns, own))

    @property
    def _rough_variance(self) -> Tensor:
        if self.drifts:
            return self.drifts[-1].variance[:, None, None]
        filtered, context = self.filtered, self.context
        square = torch.where(context.valid[..., None], filtered.innovations.square() / filtered.sizes, 0.0)
        return (square.sum((1, 2)) / context.count[:, None])[:, None, None]

    def _of_best(self, parts: list[Tensor]) -> Tensor:
        stacked = torch.stack(parts, 1)
        place = self.best[:, None, None, None].expand(-1, 1, *stacked.shape[2:4], -1)
        return stacked.gather(1, place)[:, 0]

    def squares(self) -> list[Posterior]:
        """Fits of the squared diffusion, by degree."""
        context = self.context
        rate = self.variance / context.mean_step[:, None]  # the mean squared diffusion (B, D)
        lag = (2 * self.noise).round().clamp(1, max(1, context.steps.shape[-1] // 3)).long()
        elapsed, square, psi, valid = self._squared_residuals(lag)
        of_noise = 2 * (self.noise * self.variance)[:, None, None]
        rate = rate[:, None, None].clamp(min=1e-12)
        safe = torch.where(valid, elapsed, 1.0)
        target = torch.where(valid, ((square - of_noise) / (rate * safe)), 1.0) - 1
        overlap = (lag.float() * 2 / 3).clamp(min=1.0)[:, None, None]
        share = rate * safe / (rate * safe + of_noise)
        counted = valid / overlap
        fits, scores = [], []
        for degree in SQUARE_DEGREES:
            own = psi[..., : len(exponents(context.dim, degree))]
            level = torch.ones_like(target)
            for _ in range(_REWEIGHTED if degree else 1):
                size = level * share + 1 - share
                weights = counted * (share / size).square() / 2
                gram, cross = context.sums(weights, target, own)
                prior = _SQUARE_PRIOR * torch.eye(own.shape[-1]).to(gram)
                factor, _ = torch.linalg.cholesky_ex(gram + prior)
                solved = torch.cholesky_solve(cross[..., None], factor)[..., 0].nan_to_num(0.0, 0.0, 0.0)
                level = (1 + torch.einsum("bkwdp,bdp->bkwd", own, solved)).clamp(_LEAST_SQUARE, 1 / _LEAST_SQUARE)
            size = level * share + 1 - share
            ratio = (1 + target * share) / size
            scores.append(
                (-0.5 * counted * (ratio + size.log())).sum((1, 2)) - 0.5 * own.shape[-1] * context.count.log()[:, None]
            )
            tails = ((weights * (target + 1 - level).square()).sum((1, 2)) / counted.sum((1, 2)).clamp(min=1)).clamp(
                min=1
            )
            fits.append(self._in_units(solved, factor, rate[:, 0, 0], tails, psi.shape[-1]))
        score = torch.stack(scores, 1)
        self.square_misfit = score.amax(1, keepdim=True) - score
        return fits

    @staticmethod
    def _in_units(solved: Tensor, factor: Tensor, rate: Tensor, tails: Tensor, terms: int) -> Posterior:
        """The squared diffusion ``rate (1 + psi solved)``, its covariance widened by heavy tails."""
        solved = torch.nn.functional.pad(solved, (0, terms - solved.shape[-1]))
        constant = torch.zeros_like(solved)
        constant[..., 0] = 1
        eye = torch.eye(factor.shape[-1]).to(factor).expand_as(factor)
        root = torch.linalg.solve_triangular(factor, eye, upper=False).nan_to_num(1.0, 1.0, 1.0)
        root = root * (rate * tails.sqrt())[..., None, None]
        missing = terms - factor.shape[-1]
        return Posterior(
            rate[..., None] * (constant + solved),
            torch.nn.functional.pad(root, (0, missing, 0, missing)),
            rate,
            solved != 0,
        )

    def _squared_residuals(self, lag: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Durations (B, K, W, D), squared residuals over them, monomials (..., P2) of states there, and which count."""
        context = self.context
        drift = self._of_best(self._columns)
        moved = context.observed[:, :, 1:] - context.observed[:, :, :-1] - drift
        valid = context.valid[..., None]
        moved = torch.where(valid, moved, 0.0)
        widths = context.steps.shape[-1]
        index = torch.arange(widths, device=lag.device)[None, None, :, None] + lag[:, None, None]
        inside = index <= widths
        end = index.clamp(max=widths).expand(*moved.shape)

        def over(values: Tensor) -> Tensor:
            """Sums (B, K, W, D) of values from each transition on over the lag."""
            total = torch.nn.functional.pad(values.cumsum(2), (0, 0, 1, 0))
            return total.gather(2, end) - total[:, :, :-1]

        there = inside & (over(valid.expand_as(moved).to(moved)) > lag[:, None, None] - 0.5)
        elapsed = over(context.steps[..., None].expand_as(moved))
        change = over(moved)
        psi = monomials(self.filtered.states.clamp(-FAR, FAR), SQUARE_DEGREES[-1])
        if bool((lag > 1).any()):
            mean = [over(psi[..., p, None].expand_as(moved)) / lag[:, None, None] for p in range(psi.shape[-1])]
            psi = torch.stack(mean, -1)
        else:
            psi = psi[..., None, :].expand(*moved.shape, -1)
        return elapsed, self._without_slope(change, moved), psi, there

    def _without_slope(self, change: Tensor, moved: Tensor) -> Tensor:
        """Squares of changes, corrected for what the drift's slope does to the diffusion within a step.

        The variance over a step h is ``V = integral of exp(J s) Q exp(J' s)``; to second order
        ``Q h = V - h / 2 (J V + V J') + h^2 / 12 (J^2 V + 2 J V J' + V J'^2)``, with J of the linear fit.
        """
        slope = self.drifts[DRIFT_DEGREES.index(1)].coefficients[..., 1 : 1 + self.context.dim]  # (B, D, D)
        step = self.context.mean_step[:, None, None]
        size = (slope * step).abs().sum(-1).amax(-1)[:, None, None]
        slope = slope * step * (_STEEPEST / size.clamp(min=_STEEPEST))
        once = torch.einsum("bde,bkwe->bkwd", slope, change)
        twice = torch.einsum("bde,bkwe->bkwd", slope, once)
        return change * change - once * change + (twice * change + once * once) / 6

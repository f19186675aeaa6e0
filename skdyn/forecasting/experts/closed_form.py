"""Where vector fields that are fitted in closed form lead from the last observation, all channels together.

Letters: N observed points, D channels, F fields, K starts, H times ahead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skdyn.forecasting.experts.grid import Array, Forecast, require
from skdyn.forecasting.experts.polynomial_fields import Fields
from skdyn.forecasting.experts.registry import Expert
from skdyn.forecasting.experts.waves import with_waves

if TYPE_CHECKING:
    from skdyn.nn.fits.families import Fits

_MOST_POINTS = 1000
_MOST_CHANNELS = 6
_PER_UNIT = 20
"""Points of a unit of the fits' time."""
_STARTS = 8
_TESTED = 0.25
_FARTHEST = 500.0
"""In units of the fits' time, of which each is followed in so many steps."""
_SOLUTIONS = 3
_EARLIER = 6
_NOISY = 3e-3
_WORST = 4.0


def closed_form(times: Array, values: Array) -> Forecast:
    """The vector fields that follow the prefix best from several of its points.

    Integral matching (`skdyn.nn.fits`) gives a family of polynomials, dense and sparse, without a search; some more
    have a wave of the time or of the states. Each is integrated from eight observations over a quarter of the prefix;
    the three that stay nearest to what was observed are integrated ahead and averaged by their errors. Where
    observations are noisy, the state at the end is a mean of where the last ones lead.
    """
    dim = values.shape[1]
    require(len(times) >= 12, "too short for a vector field")
    require(dim <= _MOST_CHANNELS, f"more than {_MOST_CHANNELS} channels are too many for a closed form")
    times, values = times[-_MOST_POINTS:], values[-_MOST_POINTS:]
    center = values.mean(axis=0)
    unit = np.maximum(values.std(axis=0), 1e-9 * np.abs(values).max() + 1e-300)
    rate = len(times) / _PER_UNIT / (times[-1] - times[0])
    z, clock = (values - center) / unit, (times - times[0]) * rate
    half = np.ptp(z, axis=0) / 2
    half = np.where(half > 0, half, 1.0)
    fields = _fitted(z, clock, center / unit)
    errors = _tested(fields, z, clock, half)
    order = np.argsort(errors)[:_SOLUTIONS]
    order = order[np.isfinite(errors[order])]
    require(len(order) > 0, "every field runs away within the prefix")
    weights = 1 / (errors[order] + 1e-10) ** 2
    chosen = fields.take(order)
    last = np.repeat(z[-1:], len(order), axis=0)
    if np.sqrt(errors[order[0]]) > _NOISY:
        last = _arrived(chosen, z, clock)

    def forecast(future: Array) -> Array:
        asked = (future - times[0]) * rate
        require(asked[-1] - clock[-1] <= _FARTHEST, "too far ahead for a field to be followed there")
        path = chosen.ahead(last, clock[-1], asked, 1 / _PER_UNIT, half)
        there = np.asarray(np.isfinite(path).all(axis=-1))  # (F, H)
        share = weights[:, None] * there
        gone = ~there.any(axis=0)
        share[0, gone] = 1.0
        answer = (share[..., None] * np.where(there[..., None], path, 0.0)).sum(axis=0) / share.sum(axis=0)[:, None]
        if gone.any():
            first = int(gone.argmax())
            answer[gone] = answer[first - 1] if first else z[-1]
        return answer * unit + center

    return forecast


def _fitted(z: Array, clock: Array, origin: Array) -> Fields:
    """Every field that is tried, in deviations from the mean."""
    import torch

    from skdyn.nn.fits.fitting import fit_context
    from skdyn.nn.fits.quadrature import quadrature
    from skdyn.nn.plain_torch import plain_torch

    states, times = (torch.from_numpy(np.ascontiguousarray(part))[None, None] for part in (z, clock))
    with plain_torch():
        mask = torch.ones(1, 1, len(z), dtype=torch.bool)
        rule = quadrature(times, mask)
        fits = fit_context(states, times, mask, torch.from_numpy(origin)[None].clamp(-50, 50), rule=rule)
        polynomials = _polynomials(fits)
        waves = with_waves(
            fits.library.terms,
            z,
            clock,
            lambda rates: rule.cumulative(torch.from_numpy(rates)[None, None])[0, 0].numpy(),
        )
    return Fields.join([polynomials, *waves])


def _polynomials(fits: Fits) -> Fields:
    import torch

    coefficients = fits.coefficients[0] * fits.active[0]
    sparse = np.isin(np.arange(len(coefficients)), fits.places[1])
    if fits.terms is not None:
        where = torch.stack([fits.terms[0, int(kind)] for kind in sparse])
        every = coefficients.new_zeros(*coefficients.shape[:2], len(fits.library.terms))
        coefficients = every.scatter(-1, where, coefficients)
    origin, scale = fits.origin[0].numpy(), fits.scale[0].numpy()
    scales = np.where(sparse[:, None], scale, 1.0)
    shifts = np.where(sparse[:, None], origin, 0.0)
    return Fields.polynomial(fits.library.terms, coefficients.numpy() * scales[..., None], shifts, scales)


def _tested(fields: Fields, z: Array, clock: Array, half: Array) -> Array:
    """Mean square error (F,) in half-ranges over the stretches after some observations; infinite if none is passed."""
    count = max(2, round(_TESTED * len(z)))
    starts: NDArray[np.intp] = np.unique(np.linspace(0, len(z) - 1 - count, _STARTS).astype(int))
    rows = starts[:, None] + np.arange(count + 1)
    begin = np.broadcast_to(z[starts], (len(fields.wave), len(starts), z.shape[1]))
    path = fields.solve(begin, clock[rows], half)
    there = np.isfinite(path)
    error = np.where(there, np.minimum((np.where(there, path, 0.0) - z[rows]) ** 2 / half**2, _WORST), _WORST)
    arrived = np.asarray(there[:, :, -1].all(axis=-1))
    return np.where(arrived.any(axis=1), error.mean(axis=(1, 2, 3)), np.inf)


def _arrived(fields: Fields, z: Array, clock: Array) -> Array:
    """Mean (F, D) of where the last observations lead at the time of the very last."""
    earlier = np.arange(len(z) - 1, max(len(z) - 1 - _EARLIER, -1), -1)
    begin = np.broadcast_to(z[earlier], (len(fields.wave), len(earlier), z.shape[1]))
    grid = clock[earlier][:, None] + (clock[-1] - clock[earlier])[:, None] * np.linspace(0, 1, 5)
    reached = fields.solve(begin, grid, np.full(z.shape[1], np.inf))[:, :, -1]
    there = np.isfinite(reached).all(axis=-1, keepdims=True)
    return np.where(there, reached, 0.0).sum(axis=1) / there.sum(axis=1)


CLOSED_FORM = Expert(
    "closed-form", closed_form, "all variables of a polynomial, driven or sinusoidal field, from 12 points"
)

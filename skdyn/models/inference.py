"""A model at work: contexts are encoded once, and queries are answered from what was encoded, on any device.

Letters: B contexts, K trajectories, L points, D dimensions, N queries. Nothing here changes a global setting of torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from skdyn.data.arrangement import arrange
from skdyn.data.padding import pad, pad_outside
from skdyn.data.parameters import check_number
from skdyn.data.trajectories import Trajectories
from skdyn.exceptions import TrajectoryError, WeightsError
from skdyn.models.chunks import alike_sizes, chunk_sizes, in_chunks
from skdyn.models.context import Context, map_tensors
from skdyn.models.context_scaling import check_variables, scale_contexts
from skdyn.models.devices import network_on, resolve_device
from skdyn.models.leading import LeadingEquations
from skdyn.models.normalization import OutsideScaling
from skdyn.models.registry import calling
from skdyn.models.threads import at_most_threads
from skdyn.models.weights import LoadedModel
from skdyn.nn.plain_torch import plain_torch

Precision = Literal["float32", "float64", "bfloat16"]

_JACOBIAN_CHUNK = 32
_SHARED_FROM = 4096
"""Points of a context from which its operations are long enough for several threads to share each of them."""


class Engine:
    """A model on a device, at a precision.

    Queries are cut into chunks of 512 rows and, what is left, into one for each thread, of a multiple of eight rows or
    of a single one, the last one padded. Every chunk of a size runs through the same kernels at the same shape: in the
    same place of a chunk of the same size an answer does not depend on the other queries, and elsewhere it differs by
    rounding at most. Calls are thread-safe. On the CPU chunks run side by side on as many threads as torch may use,
    each on one: threads that share an operation wait for each other at its end, which a busy core makes very long. Only
    the largest contexts are encoded by several threads.

    Parameters
    ----------
    model : LoadedModel
    device : str or torch.device, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU.
    precision : {"float32", "float64", "bfloat16"}, default="float32"
        ``"bfloat16"`` runs matrix products in bfloat16 and the local linear part in float32.
    query_chunk : int, default=512
        Most rows of a chunk.
    """

    def __init__(
        self,
        model: LoadedModel,
        device: str | torch.device = "auto",
        precision: Precision = "float32",
        query_chunk: int = 512,
    ) -> None:
        if precision not in ("float32", "float64", "bfloat16"):
            raise ValueError(f"precision must be 'float32', 'float64' or 'bfloat16', got {precision!r}")
        check_number("query_chunk", query_chunk, whole=True)
        if model.spec.kind == "forecast":
            raise WeightsError(f"{model.source} is a forecaster, not a model of a vector field: use LASSODEForecaster")
        self.model = model
        assert model.spec.scaling is not None  # the specification sees to that
        self.scaling = model.spec.scaling
        self.device = resolve_device(device)
        self.precision = precision
        self.query_chunk = int(query_chunk)
        self.dtype = torch.float64 if precision == "float64" else torch.float32
        if self.device.type == "mps" and self.dtype == torch.float64:
            raise ValueError("precision='float64' is not available on mps")
        self.network: Any = network_on(model, self.device, self.dtype)

    @property
    def width(self) -> int:
        """Number of variables of the network, to which fewer are padded."""
        return self.model.config.max_dim

    def with_precision(self, precision: Precision) -> Engine:
        """Return the same model on the same device at another precision."""
        return Engine(self.model, self.device, precision, self.query_chunk)

    def arrange(self, context: Trajectories) -> Trajectories:
        """Cut trajectories that are longer than those the model was trained on; see `skdyn.data.arrangement`."""
        points = self.model.spec.trained_points
        if points is None or all(len(t) <= points for t in context.times):
            return context
        # The lag that sets the speed is a share of a trajectory, too long in a recording of many cycles: measure again
        # on the pieces.
        arranged = context
        for _ in range(2):
            scaling = scale_contexts(self.model, [arranged], *pad([arranged]))
            arranged = arrange(context, float(scaling.speed[0]), points)
        return arranged

    @plain_torch()
    def encode(self, contexts: Sequence[Trajectories]) -> Context:
        """Encode a batch of contexts of the same dimension; ragged lengths and counts are padded and masked.

        Raises
        ------
        TrajectoryError
            If a context shows no motion, or has more dimensions than the model.
        """
        dim = contexts[0].n_features
        if any(context.n_features != dim for context in contexts):
            raise TrajectoryError("contexts of one batch must have the same number of variables")
        given = contexts[0].given
        if any(context.given != given for context in contexts):
            raise TrajectoryError("contexts of one batch must have the same inputs and parameters")
        check_variables(self.model, contexts[0])
        states, times, mask = pad(contexts)
        scaling = scale_contexts(self.model, contexts, states, times, mask)
        values = pad_outside(contexts, mask)
        outside = OutsideScaling.of(values, mask)
        z = scaling.normalise(states) * mask[..., None]
        z = torch.from_numpy(z) if given else self._pad_dims(z)
        tau = torch.from_numpy(scaling.normalise_times(times) * mask)
        if self.device.type == "mps":  # no float64 there; the differences were taken above
            z, tau = z.float(), tau.float()
        dim_mask = torch.zeros(len(contexts), z.shape[-1], dtype=self.dtype)
        dim_mask[:, :dim] = 1
        parts = [z, tau, torch.from_numpy(mask), dim_mask]
        if self.model.sees_origin:
            origin = scaling.mean / scaling.std
            parts.append((torch.from_numpy(origin) if given else self._pad_dims(origin)).to(tau.dtype))
        parts = [part.to(self.device) for part in parts]
        if given:
            parts.append(self._outside(outside, values, given.holds))
        with (
            calling(self.model.spec, "fails to encode the context"),
            at_most_threads(self._threads if mask.size >= _SHARED_FROM else 1),
            torch.inference_mode(),
            self._autocast(),
        ):
            encoded = self.network.encode(*parts)
        if self.dtype == torch.float64:  # nothing of it is in single precision then, whatever a network keeps so
            encoded = map_tensors(encoded, self._to_own_type)
        return Context(encoded, scaling, dim, outside, self.network)

    def _outside(self, scaling: OutsideScaling, values: np.ndarray, holds: bool) -> Any:
        """What the network is told of inputs and parameters (B, K, L, G)."""
        from skdyn.nn.fits.families import Outside

        normalised, origin = (
            torch.from_numpy(part).to(self.device) for part in (scaling.normalise(values), scaling.mean / scaling.std)
        )
        return Outside(normalised, origin, holds)

    def convert(self, context: Context) -> Context:
        """Return a context encoded at another precision as this engine's type, for the same field."""
        encoded = map_tensors(context.encoded, self._to_own_type)
        return dataclasses.replace(context, encoded=encoded, network=self.network)

    def decode(self, context: Context, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field and the Laplace scale of its error, in the user's units.

        Parameters
        ----------
        context : Context
        queries : array of shape (B, N, D + G)
            States, with inputs and parameters beside them where the context has some.

        Returns
        -------
        field, scale : float64 arrays of shape (B, N, D)
        """

        def chunk(z: Tensor) -> tuple[Tensor, Tensor]:
            with torch.inference_mode(), self._autocast():
                few = context.few_queries if self._is_plain else None
                if few is not None:
                    with np.errstate(all="ignore"):
                        found, log_scale = few(z[0].numpy())
                        return torch.from_numpy(found[None]), torch.from_numpy(np.exp(log_scale[None]))
                field, log_scale = self.network.decode(context.encoded, z)
            return field, log_scale.exp()

        field, scale = self._chunked(context, queries, chunk, self.query_chunk)
        return context.scaling.field(field[..., : context.dim]), context.scaling.field(scale[..., : context.dim])

    def field(self, context: Context, queries: np.ndarray, alike: bool = False) -> np.ndarray:
        """Field (B, N, D) alone, in the user's units.

        Parameters
        ----------
        context : Context
        queries : array of shape (B, N, D + G)
        alike : bool, default=False
            Take chunks of 64 rows for what is left, so that an answer is the same to the last bit however many queries
            there are.
        """

        def chunk(z: Tensor) -> tuple[Tensor]:
            with torch.inference_mode(), self._autocast():
                few = context.few_queries if self._is_plain else None
                if few is None:
                    return (self.network.decode(context.encoded, z)[0],)
                with np.errstate(all="ignore"):
                    return (torch.from_numpy(few.field(z[0].numpy())[None]),)

        (field,) = self._chunked(context, queries, chunk, self.query_chunk, alike)
        return context.scaling.field(field[..., : context.dim])

    def decode_sde(
        self, context: Context, queries: np.ndarray, alike: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Drift and diffusion of a model of SDEs, and the Laplace scales of their errors, in the user's units.

        Parameters
        ----------
        context : Context
        queries : array of shape (B, N, D)
        alike : bool, default=False
            See `field`.

        Returns
        -------
        drift, diffusion, drift_scale, diffusion_scale : float64 arrays of shape (B, N, D)
            The diffusion multiplies dW.
        """

        def chunk(z: Tensor) -> tuple[Tensor, ...]:
            with torch.inference_mode(), self._autocast():
                drift, drift_log_scale, diffusion, diffusion_log_scale = self.network.decode_sde(context.encoded, z)
            return drift, diffusion, drift_log_scale.exp(), diffusion_log_scale.exp()

        parts = self._chunked(context, queries, chunk, self.query_chunk, alike)
        drift, diffusion, drift_scale, diffusion_scale = (part[..., : context.dim] for part in parts)
        scaling = context.scaling
        return (
            scaling.field(drift),
            scaling.diffusion(diffusion),
            scaling.field(drift_scale),
            scaling.diffusion(diffusion_scale),
        )

    @plain_torch()
    def sample(self, context: Context, queries: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
        """Sampled fields (S, N, D) of a single context at queries (1, N, D + G), in the user's units.

        Of a network that cannot tell more, they leave its answer along smooth random functions of the deviation that it
        predicts.
        """
        from skdyn.nn.field_samples import FieldDraws

        groups = getattr(context.encoded, "groups", ())
        fits, _, terms = groups[0].fits.coefficients.shape[1:] if groups else (0, 0, 0)
        draws = FieldDraws.draw(samples, context.dim, queries.shape[-1], fits, terms, rng)
        if not groups:
            center, scale = self.decode(context, queries)
            z = torch.from_numpy(context.normalise(queries))[0]
            return center[0] + 2**0.5 * scale[0] * draws.smooth(z).numpy()

        def chunk(z: Tensor) -> tuple[Tensor]:
            with torch.inference_mode(), self._autocast():
                return (self.network.sample(context.encoded, z, draws),)

        (found,) = self._chunked(context, queries, chunk, self.query_chunk, rows=samples)
        return context.scaling.field(found[..., : context.dim])

    @plain_torch()
    def leading_equations(self, context: Context, states: np.ndarray) -> LeadingEquations | None:
        """The sparse fits of a single context that carry most of the field at states (N, D + G).

        None of a model without fits.
        """
        if not self.model.sees_origin:
            return None
        z = self._padded_queries(context, states[None])
        with torch.inference_mode(), self._autocast():
            found, shares = self.network.leading(context.encoded, z.to(self.device))
        return LeadingEquations.in_units(found, shares, context.units[0], context.scaling.speed[0])

    @plain_torch()
    def misfit(self, context: Context, trajectories: Trajectories) -> np.ndarray | None:
        """How many times more (D,) the field leaves of the observed path than the best closed-form fit does.

        Parameters
        ----------
        context : Context
            A single one.
        trajectories : Trajectories
            What was encoded.

        Returns
        -------
        array of shape (D,), or None of a model without fits
        """
        if not self.model.sees_origin:
            return None
        states, times, mask = pad([trajectories])
        queries = np.concatenate([states, pad_outside([trajectories], mask)], axis=-1)
        field = self.field(context, queries.reshape(1, -1, queries.shape[-1]))
        scaling = context.scaling
        parts = (
            scaling.normalise_field(field).reshape(states.shape),
            scaling.normalise(states),
            scaling.normalise_times(times),
            mask,
        )
        with torch.inference_mode():
            left = self.network.misfit(context.encoded, *(torch.from_numpy(part[0]).to(self.device) for part in parts))
        return left.double().cpu().numpy()

    @plain_torch()
    def jacobian(self, context: Context, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field (B, N, D) and Jacobian (B, N, D, D + G), entry (i, j) being d f_i / d x_j, in the user's units.

        Derivatives by inputs and parameters follow those by the states. In double precision where the device has it,
        whatever the engine's own.
        """
        if self.precision != "float64" and self.device.type != "mps":
            return self.with_precision("float64").jacobian(context, queries)
        dim, columns, encoded = context.dim, context.units.shape[1], context.for_gradients
        tangents = context.tangents(self.network) if self.device.type == "cpu" else None

        def chunk(z: Tensor) -> tuple[Tensor, Tensor]:
            if tangents is not None:
                with torch.inference_mode():
                    field, rows = tangents(z[0])
                    return field[None], rows[None]
            with self._autocast():
                z = z.clone().requires_grad_(True)
                field, _ = self.network.decode(encoded, z)
                slopes = [torch.autograd.grad(field[..., i].sum(), z, retain_graph=i + 1 < dim)[0] for i in range(dim)]
            return field.detach(), torch.stack(slopes, dim=-2)

        # Smaller chunks: the search for equilibria asks for a few states at a time, each of them dearer.
        field, jacobian = self._chunked(context, queries, chunk, min(self.query_chunk, _JACOBIAN_CHUNK))
        scaling = context.scaling
        return scaling.field(field[..., :dim]), scaling.jacobian(jacobian[..., :columns], context.units)

    @plain_torch()
    def _chunked(
        self,
        context: Context,
        queries: np.ndarray,
        chunk: Callable[[Tensor], tuple[Tensor, ...]],
        size: int,
        alike: bool = False,
        rows: int | None = None,
    ) -> tuple[np.ndarray, ...]:
        """Run ``chunk`` on padded chunks of at most ``size`` normalised queries and join its results as float64.

        These are (rows, N, D) or longer, with as many rows as the queries have by default.
        """
        count, columns = queries.shape[1:]
        sizes = alike_sizes(count, size) if alike else chunk_sizes(count, size, self._threads)
        exact = self.dtype == torch.float64
        width = max(columns, self.width)
        z = np.zeros((len(queries), sum(sizes), width), np.float64 if exact else np.float32)
        with np.errstate(all="ignore"):  # a query that overflows is answered with what is not finite
            z[:, :count, :columns] = context.normalise(queries)
        with calling(self.model.spec, "fails to answer queries"):
            found = in_chunks(chunk, torch.from_numpy(z).to(self.device), sizes, self._threads)
            expected = (len(z) if rows is None else rows, z.shape[1])
            for part in found:
                if part.ndim < 3 or part.shape[:2] != expected or part.shape[2] < context.dim:
                    shape = (*expected, context.dim)
                    raise TypeError(f"an answer to queries must be of shape {shape} or wider, got {part.shape}")
        return tuple(part[:, :count] for part in found)

    @property
    def _threads(self) -> int:
        """Threads that calls may use; other devices have their own."""
        return torch.get_num_threads() if self.device.type == "cpu" else 1

    @property
    def _is_plain(self) -> bool:
        """Whether networks run on the CPU in single precision."""
        return self.device.type == "cpu" and self.precision == "float32"

    def _pad_dims(self, z: np.ndarray) -> Tensor:
        """Zero-padded to the network's width; wider ones are left as they are."""
        return nn.functional.pad(torch.from_numpy(z), (0, max(0, self.width - z.shape[-1])))

    def _padded_queries(self, context: Context, queries: np.ndarray) -> Tensor:
        """Normalised queries (B, N, D + G), of the width that the network takes."""
        with np.errstate(over="ignore"):  # a query that overflows is answered with what is not finite
            z = context.normalise(queries)
        return self._pad_dims(z).to(self.dtype)

    def _to_own_type(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, self.dtype if tensor.is_floating_point() else None)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.precision == "bfloat16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()

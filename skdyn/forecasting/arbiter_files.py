"""The trained arbiter, from its folder in the bundle."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from skdyn.exceptions import WeightsError
from skdyn.files.folder import Part, read_folder
from skdyn.files.reading import parse_json

if TYPE_CHECKING:
    from skdyn.nn.forecast_arbiter import ForecastArbiter

FOLDER = Path(__file__).parents[1] / "bundle" / "forecast-arbiter"
CONFIG, TENSORS, SUMS = "config.json", "model.safetensors", "SHA256SUMS"
_LIMIT = 2**24  # bytes


@lru_cache(maxsize=4)
def load_arbiter(folder: Path = FOLDER) -> tuple[ForecastArbiter, dict[str, int]]:
    """The arbiter, and the number of each forecaster that it knows.

    Raises
    ------
    WeightsError
        If a file is absent or cannot be trusted.
    """
    import torch

    from skdyn.models.weights import read_tensors
    from skdyn.nn.forecast_arbiter import ForecastArbiter, ForecastArbiterConfig
    from skdyn.nn.plain_torch import plain_torch

    content = read_folder(folder, SUMS, _listed, WeightsError, follow=True)
    values = parse_json(content[CONFIG], folder / CONFIG, WeightsError)
    names = values.pop("forecasters", [])
    try:
        config = ForecastArbiterConfig.from_dict(values)
        with torch.device("meta"):
            arbiter = ForecastArbiter(config)
    except ValueError as error:
        raise WeightsError(f"{folder / CONFIG}: {error}") from error
    expected = {name: tuple(tensor.shape) for name, tensor in arbiter.state_dict().items()}
    with plain_torch():  # the arbiter is shared by all later calls
        state = read_tensors(content[TENSORS], folder / TENSORS, expected, "the forecast arbiter")
        arbiter.load_state_dict(state, assign=True)
    arbiter.eval().requires_grad_(False)
    return arbiter, {name: place + 1 for place, name in enumerate(names)}


def _listed(content: bytes) -> dict[str, Part]:
    lines = (line.split() for line in content.decode("utf-8", errors="replace").splitlines())
    sums = {parts[1]: parts[0] for parts in lines if len(parts) == 2}
    try:
        return {name: Part(sums[name], _LIMIT) for name in (CONFIG, TENSORS)}
    except KeyError as error:
        raise WeightsError(f"the arbiter's {SUMS} does not list {error.args[0]}") from None

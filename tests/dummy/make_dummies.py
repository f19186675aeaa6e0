"""Write the tiny random models that the tests load: ``python tests/dummy/make_dummies.py``."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from skdyn.nn.fim_ode import FIMODE, FIMODEConfig

HERE = Path(__file__).parent
SMALL = {
    "model_type": "fim-ode",
    "format_version": 1,
    "width": 16,
    "heads": 2,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "feedforward": 32,
    "local_width": 8,
    "fourier_octaves": 2,
    "rope_min_wavelength": 0.05,
    "rope_max_wavelength": 200.0,
    "slope_lags": [1, 3],
    "slope_clip": 50.0,
    "feature_clip": 5.0,
    "scale_clip": 6.0,
}


def write(folder: Path, config: dict) -> None:
    torch.manual_seed(0)
    network = FIMODE(FIMODEConfig.from_dict(config))
    torch.nn.init.normal_(network.token_head.weight, std=0.02)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half() for name, value in network.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    sums = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("config.json", "model.safetensors")
    ]
    (folder / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    write(HERE / "fim-ode-16d", SMALL | {"max_dim": 16})

"""Write the tiny random models that the tests load: ``python tests/dummy/make_dummies.py``."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from skdyn.nn.fim_ode import FIMODE, FIMODEConfig
from skdyn.nn.fim_sde import FIMSDE, FIMSDEConfig
from skdyn.nn.lass_ode import LASSODE, LASSODEConfig

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

SMALL_SDE = {
    "model_type": "fim-sde",
    "format_version": 1,
    "width": 16,
    "heads": 2,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "feedforward": 32,
    "local_width": 8,
    "fourier_octaves": 2,
    "leaves": 32,
    "lags": [1, 4],
    "polynomial_degree": 2,
    "drift_clip": 50.0,
    "feature_clip": 5.0,
    "diffusion_floor": 0.05,
    "scale_clip": 6.0,
}


TINY_FORECASTER = {
    "model_type": "lass-ode",
    "format_version": 1,
    "max_dim": 10,
    "width": 16,
    "heads": 2,
    "layers": 2,
    "experts": 4,
    "expert_width": 16,
    "recurrent_layers": 1,
    "tokens": 40,
    "kernels": 16,
    "kernel_width": 0.04,
    "hub": 4,
    "latent": 6,
    "patch": 4,
    "prefix_features": True,
    "quantiles": 9,
    "dynamics": "damped",
}


def write(folder: Path, config: dict, network: FIMODE | FIMSDE | LASSODE) -> None:
    head = network.local_dynamics[-1] if isinstance(network, LASSODE) else network.token_head
    torch.nn.init.normal_(head.weight, std=0.02)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half() for name, value in network.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    sums = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("config.json", "model.safetensors")
    ]
    (folder / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    torch.manual_seed(0)
    ode = SMALL | {"max_dim": 16}
    write(HERE / "fim-ode-16d", ode, FIMODE(FIMODEConfig.from_dict(ode)))
    torch.manual_seed(0)
    sde = SMALL_SDE | {"max_dim": 16}
    write(HERE / "fim-sde-16d", sde, FIMSDE(FIMSDEConfig.from_dict(sde)))
    torch.manual_seed(0)
    write(HERE / "lass-ode-tiny", TINY_FORECASTER, LASSODE(LASSODEConfig.from_dict(TINY_FORECASTER)))

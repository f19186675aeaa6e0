"""What a run says about where it ran and from which source."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch

import skdyn

_ROOT = Path(__file__).resolve().parents[2]
_PEAK_BF16 = {
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "A10": 125e12,
}
"""Dense bfloat16 peaks by name, from NVIDIA's data sheets; the first match counts."""


def source() -> dict[str, Any]:
    """Git revision (None outside a checkout) and sha256 of the sources that decide a training run."""
    digest = hashlib.sha256()
    files = [*(_ROOT / "pretrain").rglob("*.py"), *(_ROOT / "skdyn" / "nn").rglob("*.py")]
    for path in sorted([*files, _ROOT / "skdyn" / "models" / "normalization.py"]):
        digest.update(path.relative_to(_ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return {"revision": _output("git", "-C", str(_ROOT), "rev-parse", "HEAD"), "sha256": digest.hexdigest()}


def versions() -> dict[str, str]:
    """Versions of everything that numbers may depend on."""
    return {
        "python": platform.python_version(),
        "skdyn": skdyn.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "safetensors": safetensors.__version__,
    }


def device_facts(device: torch.device) -> dict[str, Any]:
    """Name of the device, and on NVIDIA GPUs its power draw, limit, clocks and temperature now."""
    if device.type != "cuda":
        return {"type": device.type, "name": platform.processor() or platform.machine(),
                "threads": torch.get_num_threads()}  # fmt: skip
    facts: dict[str, Any] = {"type": "cuda", "name": torch.cuda.get_device_name(device)}
    query = "power.draw,power.limit,clocks.sm,clocks.max.sm,temperature.gpu"
    uuid = str(torch.cuda.get_device_properties(device).uuid)
    line = _output("nvidia-smi", f"--id=GPU-{uuid}", f"--query-gpu={query}", "--format=csv,noheader,nounits")
    if line:
        facts |= dict(zip(query.split(","), (value.strip() for value in line.split(",")), strict=False))
    return facts


def peak_flops(device: torch.device) -> float | None:
    """Peak bfloat16 FLOP/s of a known GPU."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for key, peak in _PEAK_BF16.items() if key in name), None)


def _output(*command: str) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):  # a fact that cannot be had must not end a run
        return None
    return result.stdout.strip() or None if result.returncode == 0 else None

"""Export a run: ``python -m pretrain.run.export runs/x --out folder [--push-to-hub owner/name]``.

The folder holds model.safetensors (averaged weights, float16), config.json, MODEL_CARD.md (written from run.json and
metrics.jsonl) and SHA256SUMS: what skdyn loads by its path. The module knows no model: the task's description in the
checkpoint says what the network is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from pretrain.run.card import model_card
from pretrain.run.checkpoint import load_checkpoint
from pretrain.run.report import read_metrics
from skdyn.files.writing import write_folder

PREFIX = "network."
WEIGHTS = "model.safetensors"
FILES = (WEIGHTS, "config.json", "MODEL_CARD.md")
SUMS = "SHA256SUMS"


def export_run(run: Path, out: Path) -> Path:
    """Write the model folder of a run's newest checkpoint; an earlier model there is replaced, all of it or nothing.

    Raises
    ------
    FileError
        If every checkpoint is damaged, or the folder cannot be written.
    FileNotFoundError
        If the run has no checkpoint.
    ValueError
        If a weight is not finite in float16.
    """
    checkpoint = load_checkpoint(run / "checkpoints")
    task = checkpoint.values["task"]
    weights = {}
    for key, tensor in checkpoint.tensors.items():
        if key.startswith(f"ema/{PREFIX}"):
            name = key.removeprefix(f"ema/{PREFIX}")
            weights[name] = tensor.to(torch.float16).contiguous()
            if not weights[name].isfinite().all():
                raise ValueError(f"{name} is not finite in float16; the run has diverged")
    report = json.loads((run / "run.json").read_text())
    contents = {
        WEIGHTS: save(weights, metadata={"format": "pt"}),
        "config.json": (json.dumps(task["network"], indent=2) + "\n").encode(),
        "MODEL_CARD.md": str(model_card(report, read_metrics(run / "metrics.jsonl"))).encode(),
    }
    write_folder(
        out, contents.items(), SUMS, lambda digests: "".join(f"{digests[name]}  {name}\n" for name in FILES).encode()
    )
    return out


def push_to_hub(folder: Path, repository: str, api: Any) -> None:
    """Upload an exported folder.

    Parameters
    ----------
    folder : Path
    repository : str
        ``owner/name``.
    api : huggingface_hub.HfApi
        It finds the user's token by itself.
    """
    missing = [name for name in (*FILES, SUMS) if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} is not an exported model: {missing[0]} is missing")
    if repository.count("/") != 1:
        raise ValueError(f"a repository is named owner/name, got {repository!r}")
    api.create_repo(repo_id=repository, repo_type="model", exist_ok=True)
    api.upload_folder(
        repo_id=repository,
        repo_type="model",
        folder_path=str(folder),
        allow_patterns=[*FILES, SUMS],
        commit_message="Upload exported weights",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m pretrain.run.export", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--out", type=Path, required=True, help="folder of the exported model")
    parser.add_argument("--push-to-hub", metavar="OWNER/NAME", help="upload the exported folder as well")
    options = parser.parse_args(arguments)
    try:
        folder = export_run(options.run, options.out)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(folder)
    if options.push_to_hub:
        from huggingface_hub import HfApi

        push_to_hub(folder, options.push_to_hub, HfApi())


if __name__ == "__main__":
    main()

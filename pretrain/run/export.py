"""Export a run: ``python -m pretrain.run.export runs/x --out folder [--push-to-hub owner/name]``.

The folder holds model.safetensors (averaged weights, float16), config.json, MODEL_CARD.md (written from run.json and
metrics.jsonl) and SHA256SUMS: what skdyn loads by its path. The module knows no model: the task's description in the
checkpoint says what the network is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from pretrain.run.checkpoint import load_checkpoint
from pretrain.run.report import read_metrics

PREFIX = "network."
WEIGHTS = "model.safetensors"
FILES = (WEIGHTS, "config.json", "MODEL_CARD.md")
FIELD_CARD = {
    "data": "Synthetic: systems drawn from a prior, simulated and corrupted during training. No data set.",
    "validation": "Median relative error of the field, `sum |f - f_hat| / sum |f|`, on a frozen suite of prior samples "
    "and textbook systems that no prior contains as such; noisy is 5% multiplicative noise.",
    "limits": "States of at most {max_dim} dimensions; autonomous systems; the field is only known near the observed "
    "trajectories, as the errors on other trajectories and in the box show.",
}
"""Sentences of the card of a model of vector fields; a task of another kind describes itself with its own "card"."""


def export_run(run: Path, out: Path) -> Path:
    """Write the model folder of a run's newest checkpoint; an existing folder's files are replaced.

    Raises
    ------
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
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file(weights, partial / WEIGHTS, metadata={"format": "pt"})
    (partial / "config.json").write_text(json.dumps(task["network"], indent=2) + "\n")
    card = model_card(report, read_metrics(run / "metrics.jsonl"))
    (partial / "MODEL_CARD.md").write_text(card)
    sums = [f"{sha256(partial / name)}  {name}\n" for name in FILES]
    (partial / "SHA256SUMS").write_text("".join(sums))
    out.mkdir(parents=True, exist_ok=True)
    for path in partial.iterdir():
        path.replace(out / path.name)
    partial.rmdir()
    return out


def model_card(report: dict[str, Any], metrics: Sequence[dict[str, Any]]) -> str:
    """The model card of a run, from its own files."""
    task, data, card = report["task"], report["task"]["data"], FIELD_CARD | report["task"].get("card", {})
    device = report["device"]
    lines = [
        f"# {task['model']}",
        "",
        "Weights for [skdyn](https://pypi.org/project/skdyn/), which infers dynamical systems from trajectories.",
        "",
        "## Model",
        "",
        f"* {task['parameters']:,} parameters, stored as float16 (the moving average of training)",
        *(f"* {key}: {value}" for key, value in task["network"].items()),
        "",
        "## Training",
        "",
        f"* status: {report['status']}; {report['steps']:,} steps, {report['contexts']:,} contexts, "
        f"{report['elapsed_seconds'] / 60:.1f} of {report['settings']['budget_seconds'] / 60:.1f} minutes",
        f"* device: {device['name']} ({device['type']}), {report['settings']['processes']} process(es)",
        f"* {report['contexts_per_second']:,.0f} contexts a second, "
        f"{report['model_flops_per_second']:.3g} model FLOP/s"
        + (
            f", {report['model_flops_utilisation']:.1%} of the device's peak"
            if report["model_flops_utilisation"] is not None
            else ""
        )
        + f", {report['share_simulating']:.1%} of the time spent simulating",
        f"* batches skipped because their gradient was not finite: {report['skipped_batches']}",
        f"* schedule: {report['settings']['schedule']}; optimiser: {report['settings']['optimizer']}",
        f"* source revision {report['source']['revision']}, sha256 {report['source']['sha256']}",
        "* versions: " + ", ".join(f"{name} {version}" for name, version in report["versions"].items()),
        "",
        "## Data",
        "",
        card["data"],
        "",
        *(f"* {key}: {value}" for key, value in data.items()),
        "",
        "## Validation",
        "",
        card["validation"],
        "",
        "| errors | at the start | now |",
        "|---|---|---|",
    ]
    before, after = report["validation_at_start"] or {}, report["validation"] or {}
    lines += [f"| {name} | {before.get(name, float('nan')):.3f} | {after[name]:.3f} |" for name in after]
    curve = [row for row in metrics if row["kind"] == "train"]
    if curve:
        picked = [curve[round(i * (len(curve) - 1) / 9)] for i in range(10)] if len(curve) > 10 else curve
        lines += ["", "## Curve", "", "| step | minutes | loss |", "|---|---|---|"]
        lines += [f"| {row['step']} | {row['elapsed'] / 60:.1f} | {row['loss']:.3f} |" for row in picked]
    lines += ["", "## Limits", "", card["limits"].format(**task["network"]), ""]
    return "\n".join(lines)


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
    missing = [name for name in (*FILES, "SHA256SUMS") if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} is not an exported model: {missing[0]} is missing")
    if repository.count("/") != 1:
        raise ValueError(f"a repository is named owner/name, got {repository!r}")
    api.create_repo(repo_id=repository, repo_type="model", exist_ok=True)
    api.upload_folder(
        repo_id=repository,
        repo_type="model",
        folder_path=str(folder),
        allow_patterns=[*FILES, "SHA256SUMS"],
        commit_message="Upload exported weights",
    )


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m pretrain.run.export", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--out", type=Path, required=True, help="folder of the exported model")
    parser.add_argument("--push-to-hub", metavar="OWNER/NAME", help="upload the exported folder as well")
    options = parser.parse_args(arguments)
    folder = export_run(options.run, options.out)
    print(folder)
    if options.push_to_hub:
        from huggingface_hub import HfApi

        push_to_hub(folder, options.push_to_hub, HfApi())


if __name__ == "__main__":
    main()

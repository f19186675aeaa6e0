"""The model card of a run: what was trained, on what, for how long, and how well it does."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from huggingface_hub import ModelCard, ModelCardData


@dataclass(frozen=True)
class CardText:
    """What a card says of a kind of model, whatever the run.

    Attributes
    ----------
    data, validation, limits : str
        Sentences of the sections of these names; ``limits`` may name fields of the network's configuration in braces.
    tags : tuple of str
        Tags of the card's metadata, after the name of the kind.
    """

    data: str = ""
    validation: str = ""
    limits: str = ""
    tags: tuple[str, ...] = ()


def model_card(report: dict[str, Any], metrics: Sequence[dict[str, Any]]) -> ModelCard:
    """The model card of a run, from its own files.

    Parameters
    ----------
    report : dict
        run.json.
    metrics : sequence of dict
        Rows of metrics.jsonl.
    """
    task, data = report["task"], report["task"]["data"]
    card = dataclasses.asdict(CardText()) | task.get("card", {})
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
    metadata = ModelCardData(license="mit", library_name="skdyn", tags=[task["model"], *card["tags"]])
    return ModelCard(f"---\n{metadata.to_yaml()}\n---\n" + "\n".join(lines))

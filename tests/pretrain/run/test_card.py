import json
from pathlib import Path

import micro
import pytest
from huggingface_hub import ModelCard

import skdyn
from pretrain.ode.task import FIMODETask
from pretrain.run.card import model_card
from pretrain.run.export import FILES
from skdyn.files.reading import sha256
from skdyn.nn.arbitrated import ArbitratedFIMODE


def test_the_card_tells_the_run(run):
    card = (run / "export" / "MODEL_CARD.md").read_text()
    report = json.loads((run / "run.json").read_text())
    parameters = sum(p.numel() for p in ArbitratedFIMODE(micro.ODE.network).parameters())
    for fact in ("# fim-ode", f"{parameters:,} parameters", report["source"]["sha256"], "12 steps", "polynomial"):
        assert fact in card
    assert "| prior/mean | 0.500 | 0.500 |" in card
    assert "status: finished" in card


def test_the_metadata_are_what_the_hub_reads(run):
    card = ModelCard.load(run / "export" / "MODEL_CARD.md")
    assert card.data.license == "mit"
    assert card.data.library_name == "skdyn"
    assert card.data.tags == ["fim-ode", *FIMODETask.card.tags]
    assert card.text.lstrip().startswith("# fim-ode")


def test_a_task_without_sentences_has_a_card_without_them(run):
    report = json.loads((run / "run.json").read_text())
    del report["task"]["card"]
    card = model_card(report, [])
    assert card.data.tags == ["fim-ode"]
    assert "## Curve" not in card.text
    assert "autonomous" not in card.text


def test_writing_a_card_needs_no_network(run, monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked for")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    assert "## Validation" in model_card(json.loads((run / "run.json").read_text()), []).text


@pytest.mark.parametrize("name", ["fim-ode", "fim-sde", "lass-ode"])
def test_the_bundled_cards_have_metadata_and_their_checksum(name):
    folder = Path(skdyn.__file__).parent / "bundle" / name
    card = ModelCard.load(folder / "MODEL_CARD.md")
    assert (card.data.license, card.data.library_name, card.data.tags[0]) == ("mit", "skdyn", name)
    sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert {file: sha256((folder / file).read_bytes()) for file in FILES} == sums

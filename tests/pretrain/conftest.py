import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _no_curve(monkeypatch):
    """Drawing takes longer than the runs of these tests; one test draws."""
    monkeypatch.setattr("pretrain.run.trainer.draw_curve", lambda *_: None)

import pytest
import torch

from skdyn.models.devices import resolve_device


def test_devices():
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device(torch.device("cpu")) == resolve_device("cpu") == torch.device("cpu")
    for device in ("cuda:99", "nowhere", "meta", None, 3.5, ""):
        with pytest.raises(ValueError, match=r"^device .* is not available here: "):
            resolve_device(device)

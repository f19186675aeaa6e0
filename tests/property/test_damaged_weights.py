"""Whatever byte of a model changes: an error, or without checksums possibly another valid model, and nothing else."""

import shutil

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skdyn import WeightsError
from skdyn.models.weights import load_model
from tests.property.effort import examples

FILES = ("config.json", "model.safetensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


def damaged(draw, content):
    """Flip bits, cut, insert or repeat bytes; always different from ``content``."""
    kind = draw(st.sampled_from(["flip", "cut", "insert", "drop"]))
    # Half of the damage hits the start of the file, where the header is.
    last = len(content) - 1
    place = draw(st.one_of(st.integers(0, min(last, 4000)), st.integers(0, last)))
    if kind == "flip":
        return content[:place] + bytes([content[place] ^ draw(st.integers(1, 255))]) + content[place + 1 :]
    if kind == "cut":
        return content[:place]
    if kind == "insert":
        return content[:place] + draw(st.binary(min_size=1, max_size=9)) + content[place:]
    return content[:place] + content[place + 1 :]


def write(folder, source, name, content, sums):
    for other in (*FILES, "SHA256SUMS"):
        (folder / other).unlink(missing_ok=True)
    for other in (*FILES, *(["SHA256SUMS"] if sums else [])):
        shutil.copy(source / other, folder / other)
    (folder / name).write_bytes(content)


@settings(max_examples=examples(80), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_with_checksums_every_damage_is_refused(folder, dummy_folder, data):
    name = data.draw(st.sampled_from(FILES))
    write(folder, dummy_folder, name, damaged(data.draw, (dummy_folder / name).read_bytes()), sums=True)
    with pytest.raises(WeightsError) as caught:
        load_model(folder)
    assert str(folder) in str(caught.value)


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_without_checksums_a_model_is_refused_or_finite(folder, dummy_folder, data):
    name = data.draw(st.sampled_from(FILES))
    write(folder, dummy_folder, name, damaged(data.draw, (dummy_folder / name).read_bytes()), sums=False)
    try:
        model = load_model(folder)
    except WeightsError:
        return
    assert all(bool(torch.isfinite(value).all()) for value in model.network.state_dict().values())
    config = model.config
    assert config.max_dim == 16
    assert all(np.isfinite(value) for value in vars(config).values() if isinstance(value, (int, float)))


@settings(max_examples=examples(40))
@given(config=st.binary(max_size=200), tensors=st.binary(max_size=200))
def test_noise_is_no_model(folder, config, tensors):
    (folder / "SHA256SUMS").unlink(missing_ok=True)
    for name, content in zip(FILES, (config, tensors), strict=True):
        (folder / name).write_bytes(content)
    with pytest.raises(WeightsError):
        load_model(folder)

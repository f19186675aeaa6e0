import hashlib
import json
import shutil
import threading

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from skdyn import WeightsError
from skdyn.models.locations import locate
from skdyn.models.weights import load_model


@pytest.fixture
def model(dummy_folder, tmp_path):
    """A copy of the tiny model without its checksums, to be damaged."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(dummy_folder / name, folder / name)
    return folder


def refusal(folder):
    with pytest.raises(WeightsError) as caught:
        load_model(folder)
    return str(caught.value)


def test_loading(dummy_folder):
    loaded = load_model(dummy_folder)
    assert loaded.spec.name == "fim-ode"
    assert loaded.config.max_dim == 16
    assert loaded.source == str(dummy_folder)
    digests = [
        hashlib.sha256((dummy_folder / name).read_bytes()).hexdigest() for name in ("config.json", "model.safetensors")
    ]
    assert loaded.sha256 == hashlib.sha256("".join(digests).encode()).hexdigest()
    assert not loaded.network.training
    for parameter in loaded.network.parameters():
        assert parameter.dtype == torch.float32
        assert not parameter.requires_grad


def test_values_are_those_of_the_file(dummy_folder):
    network = load_model(dummy_folder).network
    stored = load_file(dummy_folder / "model.safetensors")
    state = network.state_dict()
    assert set(state) == set(stored)
    for name, value in stored.items():
        assert torch.equal(state[name], value.float())


def test_bundled_model_has_its_card_and_checksums():
    files = locate("fim-ode")
    assert files.sums is not None
    assert load_model("fim-ode").config.max_dim == 3


def test_one_copy_per_process(dummy_folder, model):
    found = []
    threads = [threading.Thread(target=lambda: found.append(load_model(dummy_folder))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(loaded) for loaded in found}) == 1
    assert load_model(str(dummy_folder)) is found[0]
    # Equal content elsewhere has the same identity but its own source.
    assert load_model(model).sha256 == found[0].sha256
    assert load_model(model).source == str(model)


def test_changed_files_are_read_again(model):
    before = load_model(model).sha256
    tensors = load_file(model / "model.safetensors")
    tensors["head.bias"] = tensors["head.bias"].float() + 1
    save_file(tensors, model / "model.safetensors")
    assert load_model(model).sha256 != before


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_any_float_type_is_read(model, dtype):
    tensors = {name: value.to(dtype) for name, value in load_file(model / "model.safetensors").items()}
    save_file(tensors, model / "model.safetensors", metadata={"made by": "a test"})
    state = load_model(model).network.state_dict()
    assert all(torch.equal(state[name], value.float()) for name, value in tensors.items())


def test_loading_changes_no_global_state(model):
    torch.manual_seed(5)
    before = torch.get_rng_state(), torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
    load_model(model)
    after = torch.get_rng_state(), torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_checksums(model, dummy_folder):
    sums = (dummy_folder / "SHA256SUMS").read_text()
    (model / "SHA256SUMS").write_text(
        sums.replace("  ", " *")
        .upper()
        .replace("CONFIG.JSON", "config.json")
        .replace("MODEL.SAFETENSORS", "model.safetensors")
    )
    load_model(model)
    (model / "config.json").write_text((model / "config.json").read_text() + "\n")
    message = refusal(model)
    assert "config.json is damaged or altered" in message
    assert "SHA256SUMS" in message
    (model / "SHA256SUMS").write_text(sums.splitlines()[1])
    assert "SHA256SUMS does not list config.json" in refusal(model)


def edit_config(folder, **changes):
    values = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({key: value for key, value in values.items() if value is not ...}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"extra": 1}, "unknown key 'extra'"),
        ({"width": ...}, "missing key 'width'"),
        ({"encoder_layers": 10**9}, "encoder_layers must be between 1 and 64, got 1000000000"),
        ({"encoder_layers": 10**400}, "encoder_layers must be between 1 and 64"),
        ({"encoder_layers": -1}, "encoder_layers must be between 1 and 64, got -1"),
        ({"decoder_layers": 0}, "decoder_layers must be between"),
        ({"width": 16.0}, "width must be an integer, got 16.0"),
        ({"width": True}, "width must be an integer, got True"),
        ({"width": "16"}, "width must be an integer, got '16'"),
        ({"width": None}, "width must be an integer, got None"),
        ({"heads": 3}, "width 16 must be a multiple of 2 x heads"),
        ({"slope_clip": 0}, "slope_clip must be between"),
        ({"slope_clip": 1e300}, "slope_clip must be between"),
        ({"slope_lags": []}, "slope_lags must be a list of 1 to 16 integers"),
        ({"slope_lags": [1] * 17}, "slope_lags must be a list of 1 to 16 integers"),
        ({"slope_lags": [1, 2.5]}, "slope_lags must be an integer, got 2.5"),
        ({"slope_lags": 3}, "slope_lags must be a list"),
        ({"rope_min_wavelength": 300.0}, "rope_min_wavelength must be below rope_max_wavelength"),
        ({"format_version": 3}, "format_version must be 1 or 2, got 3"),
        ({"format_version": 2}, "missing key 'arbiter_units'"),
        ({"format_version": True}, "format_version must be 1 or 2, got True"),
        ({"model_type": "gpt"}, "unknown model_type 'gpt'"),
        ({"model_type": ["fim-ode"]}, r"unknown model_type ['fim-ode']"),
        ({"model_type": ...}, "unknown model_type 'none'"),
    ],
)
def test_configurations_are_strict(model, changes, reason):
    edit_config(model, **changes)
    message = refusal(model)
    assert str(model / "config.json") in message
    assert reason in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not valid JSON"),
        ("{", "is not valid JSON"),
        ("[1]", "holds a JSON list, not an object"),
        ("null", "holds a JSON NoneType, not an object"),
        ('{"width": NaN}', "NaN is not a JSON number"),
        ('{"width": -Infinity}', "-Infinity is not a JSON number"),
        ('{"width": 1, "width": 2}', "the key 'width' is repeated"),
        ("[" * 100_000, "is not valid JSON"),
        ('{"width": ' + "9" * 5000 + "}", "is not valid JSON"),
        ("\ufeff{}", "is not valid JSON"),
        ("<!DOCTYPE html><html></html>", "is an HTML page"),
        ("  <HTML>", "is an HTML page"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "is a Git LFS pointer"),
        ("{" + " " * 2**20 + "}", "more than the limit of 1048576"),
    ],
)
def test_configuration_files_that_are_none(model, text, reason):
    (model / "config.json").write_text(text, encoding="utf-8")
    message = refusal(model)
    assert str(model / "config.json") in message
    assert reason in message


def edit_tensors(folder, edit):
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda t: t.pop("head.bias"), "1 tensors are missing, the first is 'head.bias'"),
        (lambda t: t.update(surplus=torch.zeros(1)), "unexpected tensor 'surplus' for fim-ode"),
        (lambda t: t.update({"Head.bias": t.pop("head.bias")}), "unexpected tensor 'Head.bias'"),
        (lambda t: t.update({"head.bias": torch.zeros(31)}), "tensor 'head.bias' has shape (31,)"),
        (lambda t: t.update({"head.bias": torch.zeros(1, 32)}), "tensor 'head.bias' has shape (1, 32)"),
        (lambda t: t.update({"head.bias": torch.zeros(32, dtype=torch.int8)}), "tensor 'head.bias' has type 'I8'"),
        (lambda t: t.update({"head.bias": torch.zeros(32, dtype=torch.bool)}), "tensor 'head.bias' has type 'BOOL'"),
        (lambda t: t["head.bias"].fill_(torch.nan), "tensor 'head.bias' holds NaN or infinite values"),
        (lambda t: t["head.bias"][3:4].fill_(-torch.inf), "tensor 'head.bias' holds NaN or infinite values"),
        (
            lambda t: t.update({"head.bias": torch.full((32,), 1e300, dtype=torch.float64)}),
            "tensor 'head.bias' holds NaN or",
        ),
        (lambda t: t.clear(), "tensors are missing"),
    ],
)
def test_tensors_are_checked(model, edit, reason):
    edit_tensors(model, edit)
    message = refusal(model)
    assert str(model / "model.safetensors") in message
    assert reason in message


def header_of(blob):
    length = int.from_bytes(blob[:8], "little")
    return json.loads(blob[8 : 8 + length]), blob[8 + length :]


def with_header(text, data):
    raw = text.encode()
    return len(raw).to_bytes(8, "little") + raw + data


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda b: b"", "is truncated or is not a safetensors file (0 bytes)"),
        (lambda b: b[:5], "is truncated or is not a safetensors file"),
        (lambda b: b[:100], "is truncated or is not a safetensors file"),
        (lambda b: b[:-1], "is truncated or has trailing bytes"),
        (lambda b: b + b"\0", "is truncated or has trailing bytes"),
        (lambda b: b"\xff" * 8 + b[8:], "is truncated or is not a safetensors file"),
        (lambda b: b"\0" * 8 + b[8:], "is truncated or is not a safetensors file"),
        (lambda b: b"\x80\x02}q\0." + b, "is truncated or is not a safetensors file"),
        (lambda b: b"<html><body>Sign in</body></html>", "is an HTML page"),
        (lambda b: b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n", "is a Git LFS pointer"),
        (lambda b: with_header("[]", header_of(b)[1]), "holds a JSON list"),
        (lambda b: with_header('{"a": 1}', b""), "tensor 'a' has no valid place"),
    ],
)
def test_damaged_files(model, damage, reason):
    path = model / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    message = refusal(model)
    assert str(path) in message
    assert reason in message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dtype": ["F16"]}, "has type ['F16']"),
        ({"dtype": "F8_E4M3"}, "has type 'F8_E4M3'"),
        ({"shape": [-32]}, "has shape [-32]"),
        ({"shape": [32.0]}, "has shape [32.0]"),
        ({"shape": [True]}, "has shape [True]"),
        ({"shape": "32"}, "has shape '32'"),
        ({"shape": [10**30]}, "that do not fit its shape or place"),
        ({"data_offsets": [0, -64]}, "has no valid place"),
        ({"data_offsets": [0, 64, 128]}, "has no valid place"),
        ({"data_offsets": [0, 10**30]}, "that do not fit its shape or place"),
        ({"data_offsets": "0:64"}, "has no valid place"),
    ],
)
def test_forged_headers(model, change, reason):
    path = model / "model.safetensors"
    header, data = header_of(path.read_bytes())
    header["gate.bias"] |= change
    path.write_bytes(with_header(json.dumps(header), data))
    message = refusal(model)
    assert str(path) in message
    assert "'gate.bias'" in message
    assert reason in message


def test_repeated_tensor_names_are_refused(model):
    path = model / "model.safetensors"
    header, data = header_of(path.read_bytes())
    text = json.dumps(header)
    entry = json.dumps({"gate.bias": header["gate.bias"]})[1:-1]
    path.write_bytes(with_header(text[:-1] + ", " + entry + "}", data))
    assert "the key 'gate.bias' is repeated" in refusal(model)


def test_overlapping_tensors_are_refused(model):
    path = model / "model.safetensors"
    header, data = header_of(path.read_bytes())
    first, second = sorted(header, key=lambda name: header[name]["data_offsets"])[:2]
    header[second]["data_offsets"] = header[first]["data_offsets"]
    path.write_bytes(with_header(json.dumps(header), data))
    assert "that do not fit its shape or place" in refusal(model)


def test_pickles_are_not_opened(model):
    torch.save({"head.bias": torch.zeros(2)}, model / "model.safetensors")
    assert "is truncated or is not a safetensors file" in refusal(model)


def test_a_refusal_is_no_memory(model):
    good = (model / "config.json").read_text()
    edit_config(model, width=-1)
    refusal(model)
    (model / "config.json").write_text(good)
    load_model(model)

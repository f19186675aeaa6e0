import json
import shutil

import pytest
import torch

import pretrain.run.checkpoint as module
from pretrain.run.checkpoint import Checkpoint, list_checkpoints, load_checkpoint, save_checkpoint


def checkpoint(seed=0):
    g = torch.Generator().manual_seed(seed)
    tensors = {
        "model/a.weight": torch.randn(300, 200, generator=g),
        "model/scalar": torch.randn((), generator=g),
        "ema/half": torch.randn(5, 7, generator=g).half(),
        "optimizer/#odd#name": torch.randn(3, generator=g, dtype=torch.float64),
        "optimizer/count": torch.tensor([seed, 2**40]),
        "empty": torch.zeros(0, 4),
    }
    return Checkpoint(tensors, {"state": {"step": seed}, "list": [1, 2.5, None]})


def same(a, b):
    return (
        a.values == b.values
        and {k: (t.dtype, t.shape) for k, t in a.tensors.items()}
        == {k: (t.dtype, t.shape) for k, t in b.tensors.items()}
        and all(torch.equal(t, b.tensors[k]) for k, t in a.tensors.items())
    )


@pytest.mark.parametrize("shard_mb", [None, 0.15, 1.0])
def test_what_is_saved_comes_back(tmp_path, shard_mb):
    save_checkpoint(tmp_path, 5, checkpoint(), shard_mb)
    assert same(load_checkpoint(tmp_path), checkpoint())


def test_parts_stay_below_the_limit(tmp_path):
    many = {f"t{i}": torch.randn(50) for i in range(1500)} | {"large": torch.randn(200_000)}
    path = save_checkpoint(tmp_path, 1, Checkpoint(many, {}), shard_mb=0.2)
    sizes = [part.stat().st_size for part in path.glob("part-*.safetensors")]
    assert len(sizes) > 5
    assert max(sizes) <= 0.2e6
    assert same(load_checkpoint(tmp_path), Checkpoint(many, {}))


def test_a_limit_too_small_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="too small"):
        save_checkpoint(tmp_path, 1, checkpoint(), shard_mb=0.01)
    assert list_checkpoints(tmp_path) == []


def test_only_the_newest_are_kept(tmp_path):
    for step in (1, 20, 3):
        save_checkpoint(tmp_path, step, checkpoint(step), keep=2)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-000000003", "step-000000020"]
    assert load_checkpoint(tmp_path).values["state"]["step"] == 20


def test_saving_a_step_again_replaces_it(tmp_path):
    save_checkpoint(tmp_path, 4, checkpoint(1))
    save_checkpoint(tmp_path, 4, checkpoint(2))
    assert same(load_checkpoint(tmp_path), checkpoint(2))


@pytest.mark.parametrize("when", [0, 1, 2])
@pytest.mark.parametrize("step", [7, 8])
def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path, monkeypatch, when, step):
    save_checkpoint(tmp_path, 7, checkpoint(7))
    calls = []

    def full(*arguments, **options):
        calls.append(arguments)
        if len(calls) > when:
            raise OSError(28, "No space left on device")
        return original(*arguments, **options)

    original = module.save_file
    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path, step, checkpoint(8), shard_mb=0.15)
    assert same(load_checkpoint(tmp_path), checkpoint(7))
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000007"]


def test_a_kill_before_the_rename_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, 7, checkpoint(7))

    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    monkeypatch.setattr(module.os, "replace", killed)
    # Nothing tidies up after a process that is killed.
    monkeypatch.setattr(module.shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(Killed):
        save_checkpoint(tmp_path, 8, checkpoint(8))
    monkeypatch.undo()
    assert (tmp_path / ".step-000000008.partial").exists()
    assert same(load_checkpoint(tmp_path), checkpoint(7))
    save_checkpoint(tmp_path, 8, checkpoint(8))
    assert same(load_checkpoint(tmp_path), checkpoint(8))


@pytest.mark.parametrize("damage", ["flip", "truncate", "missing", "manifest"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, damage):
    save_checkpoint(tmp_path, 1, checkpoint(1))
    newest = save_checkpoint(tmp_path, 2, checkpoint(2))
    part = newest / "part-000.safetensors"
    content = bytearray(part.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
        part.write_bytes(content)
    elif damage == "truncate":
        part.write_bytes(content[:100])
    elif damage == "missing":
        part.unlink()
    else:
        (newest / "checkpoint.json").write_text("{")
    assert same(load_checkpoint(tmp_path), checkpoint(1))
    shutil.rmtree(tmp_path / "step-000000001")
    with pytest.raises(ValueError, match="step-000000002"):
        load_checkpoint(tmp_path)


def test_nothing_to_load_is_its_own_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        load_checkpoint(tmp_path)


def test_no_pickle(tmp_path):
    path = save_checkpoint(tmp_path, 1, checkpoint())
    assert sorted(item.suffix for item in path.iterdir()) == [".json", ".safetensors"]
    assert json.loads((path / "checkpoint.json").read_text())["values"]["list"] == [1, 2.5, None]

import json
import os
import shutil
import signal
import stat

import pytest
import torch

from pretrain.run.checkpoint import Checkpoint, list_checkpoints, load_checkpoint, save_checkpoint
from skdyn.exceptions import FileError
from skdyn.files.manifest import seal


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


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_what_was_just_written_is_kept_after_a_fall_back(tmp_path, keep):
    for step in (100, 200, 300):
        save_checkpoint(tmp_path, step, checkpoint(step), keep=3)
    for step in (200, 300):
        (tmp_path / f"step-{step:09d}" / "part-000.safetensors").write_bytes(b"x")
    assert same(load_checkpoint(tmp_path), checkpoint(100))
    for step in (150, 160):
        assert save_checkpoint(tmp_path, step, checkpoint(step), keep=keep).is_dir()
        assert same(load_checkpoint(tmp_path), checkpoint(step))
        assert len(list_checkpoints(tmp_path)) == keep


def test_saving_a_step_again_replaces_it(tmp_path):
    save_checkpoint(tmp_path, 4, checkpoint(1))
    save_checkpoint(tmp_path, 4, checkpoint(2))
    assert same(load_checkpoint(tmp_path), checkpoint(2))


@pytest.mark.parametrize("when", [0, 1, 2, 3])
@pytest.mark.parametrize("step", [7, 8])
def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path, monkeypatch, when, step):
    save_checkpoint(tmp_path, 7, checkpoint(7))
    original, calls = os.fsync, []

    def full(descriptor):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            calls.append(descriptor)
            if len(calls) > when:
                raise OSError(28, "No space left on device")
        original(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="cannot be saved: No space left on device"):
        save_checkpoint(tmp_path, step, checkpoint(8), shard_mb=0.15)
    assert same(load_checkpoint(tmp_path), checkpoint(7))
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000007"]
    assert not [path for path in (tmp_path / "step-000000007").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("step", [7, 8])
@pytest.mark.parametrize("when", [0, 1, 2])
def test_a_kill_at_any_rename_leaves_a_whole_checkpoint(tmp_path, step, when):
    save_checkpoint(tmp_path, 7, checkpoint(7))
    pid = os.fork()
    if pid == 0:
        original, calls = os.replace, []

        def killed(*paths):
            calls.append(paths)
            if len(calls) > when:
                os.kill(os.getpid(), signal.SIGKILL)
            original(*paths)

        os.replace = killed
        save_checkpoint(tmp_path, step, checkpoint(8))
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    # The second rename is that of the manifest.
    assert same(load_checkpoint(tmp_path), checkpoint(8 if when == 2 else 7))
    save_checkpoint(tmp_path, 9, checkpoint(9))
    assert same(load_checkpoint(tmp_path), checkpoint(9))
    assert len(list(tmp_path.iterdir())) == 2


def reseal(change):
    """Edit a manifest and make it vouch for itself again."""

    def damage(folder):
        path = folder / "checkpoint.json"
        values = json.loads(path.read_text())
        digests = values.pop("files")
        del values["sha256"], values["format"]
        values = change(values) or values
        path.write_bytes(seal(values, values.pop("digests", digests), 2))

    return damage


def rewrite(change):
    def damage(folder):
        path = folder / "checkpoint.json"
        path.write_text(change(path.read_text()))

    return damage


def part(change):
    def damage(folder):
        path = folder / "part-000.safetensors"
        content = change(path.read_bytes())
        path.unlink()
        if content is not None:
            path.write_bytes(content)

    return damage


DAMAGE = {
    "flip": part(lambda content: content[:-1] + bytes([content[-1] ^ 1])),
    "truncate": part(lambda content: content[:100]),
    "huge": lambda folder: os.truncate(folder / "part-000.safetensors", 2**40),
    "missing": part(lambda content: None),
    "cut manifest": rewrite(lambda text: "{"),
    "empty manifest": rewrite(lambda text: ""),
    "a list": rewrite(lambda text: f"[{text}]"),
    "null": rewrite(lambda text: "null"),
    "deep": rewrite(lambda text: "[" * 100_000),
    "another step": rewrite(lambda text: text.replace('"step": 2', '"step": 3')),
    "shapes null": reseal(lambda values: values.update(shapes=None)),
    "wrong shape": reseal(lambda values: values["shapes"].update({"empty": [7]})),
    "shape of strings": reseal(lambda values: values["shapes"].update({"empty": ["x"]})),
    "no such tensor": reseal(lambda values: values["shapes"].update(other=[1])),
    "values null": reseal(lambda values: values.update(values=None)),
    "part outside": reseal(lambda values: values.update(digests={"../../../etc/passwd": "0" * 64})),
    "parts null": reseal(lambda values: values.update(digests={"part-000.safetensors": "0" * 64})),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, damage):
    save_checkpoint(tmp_path, 1, checkpoint(1))
    DAMAGE[damage](save_checkpoint(tmp_path, 2, checkpoint(2)))
    assert same(load_checkpoint(tmp_path), checkpoint(1))
    shutil.rmtree(tmp_path / "step-000000001")
    with pytest.raises(FileError, match="step-000000002"):
        load_checkpoint(tmp_path)


def test_values_that_are_no_json_come_back(tmp_path):
    save_checkpoint(tmp_path, 1, Checkpoint({}, {"error": float("inf"), "other": [float("nan")]}))
    values = load_checkpoint(tmp_path).values
    assert values["error"] == float("inf")
    assert values["other"][0] != values["other"][0]


def test_nothing_to_load_is_its_own_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        load_checkpoint(tmp_path)


def test_no_pickle(tmp_path):
    path = save_checkpoint(tmp_path, 1, checkpoint())
    assert sorted(item.suffix for item in path.iterdir()) == [".json", ".safetensors"]
    assert json.loads((path / "checkpoint.json").read_text())["values"]["list"] == [1, 2.5, None]

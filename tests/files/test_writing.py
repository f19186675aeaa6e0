import errno
import os
import threading

import pytest

from skdyn.exceptions import FileError
from skdyn.files.folder import Part, read_folder
from skdyn.files.manifest import seal, unseal
from skdyn.files.turns import alone_in
from skdyn.files.writing import staged, write_file, write_folder
from tests.forks import in_child, killed_at, needs_fork

OLD = {"a.npz": b"old" * 1000, "below/b.json": b"{}"}
NEW = {"a.npz": b"new" * 2000, "below/b.json": b"[1]"}
OTHER = {"a.npz": b"x", "c": b"y" * 10}


def save(folder, parts):
    write_folder(folder, parts.items(), "d.json", lambda digests: seal({}, digests, 1))


def load(folder):
    def wanted(content):
        _, digests = unseal(content, folder / "d.json", 1)
        return {name: Part(digest, 10**6) for name, digest in digests.items()}

    files = read_folder(folder, "d.json", wanted)
    del files["d.json"]
    return files


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_is_made_and_replaced(tmp_path):
    folder = tmp_path / "some" / "where"
    for parts in (OLD, NEW, NEW, OLD):
        save(folder, parts)
        assert load(folder) == parts
        assert names(folder) == ["a.npz", "below/b.json", "d.json"]
        assert {name: (folder / name).read_bytes() for name in parts} == parts


def test_other_files_are_left_alone(tmp_path):
    for name in ("notes.txt", ".hidden", ".a.npz.swp"):
        (tmp_path / name).write_text("mine")
    save(tmp_path, OLD)
    save(tmp_path, NEW)
    assert set(names(tmp_path)) == {"notes.txt", ".hidden", ".a.npz.swp", "d.json", *NEW}


def fail_at(monkeypatch, function, call, error):
    original, calls = getattr(os, function), []

    def failing(*arguments, **options):
        calls.append(arguments)
        if len(calls) == call:
            raise error
        return original(*arguments, **options)

    monkeypatch.setattr(os, function, failing)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", range(1, 8))
@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize("before", [OLD, None])
def test_whatever_fails_leaves_one_whole_copy(tmp_path, monkeypatch, before, function, call, error):
    folder = tmp_path / "folder"
    if before:
        save(folder, before)
    fail_at(monkeypatch, function, call, error)
    refusal = ""
    try:
        save(folder, NEW)
    except (FileError, KeyboardInterrupt) as caught:
        refusal = str(caught)
    monkeypatch.undo()
    assert refusal in (
        "",
        f"{folder} cannot be saved: No space left on device; what was saved there before is as it was",
    )
    if (folder / "d.json").exists() and load(folder) == NEW:
        assert refusal == ""
    elif before is None:
        assert not folder.exists()
    else:
        assert load(folder) == OLD
        assert names(folder) == ["a.npz", "below/b.json", "d.json"]
    save(folder, OTHER)
    assert load(folder) == OTHER


@needs_fork
def test_a_kill_at_every_step_leaves_one_whole_copy_and_what_is_left_over_goes(tmp_path):
    seen, call = [], 0
    while True:
        folder = tmp_path / str(call)
        save(folder, OLD)
        killed = killed_at(call, lambda folder=folder: save(folder, NEW))
        seen.append(load(folder))
        assert seen[-1] in (OLD, NEW)
        # Saving what is only half in place must not lose it, even when killed again.
        again = call
        while killed and killed_at(again % 7, lambda folder=folder: save(folder, NEW)):
            assert load(folder) in (OLD, NEW)
            again += 1
            if again > call + 3:
                break
        save(folder, OTHER)
        assert load(folder) == OTHER
        assert not [name for name in names(folder) if name.startswith(".a.npz.")]
        if not killed:
            break
        call += 1
    assert call > 10
    assert seen == sorted(seen, key=lambda parts: parts == NEW)  # the old one up to a moment, then the new one


@pytest.mark.parametrize("call", range(1, 6))
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_copy_of_another_kind_goes_once_the_new_one_is_in_place(tmp_path, monkeypatch, function, call):
    (tmp_path / "other.json").write_text("another kind")
    fail_at(monkeypatch, function, call, OSError(errno.EIO, "Input/output error"))
    try:
        write_folder(tmp_path, NEW.items(), "d.json", lambda digests: seal({}, digests, 1), instead_of="other.json")
    except FileError:
        assert names(tmp_path) == ["other.json"]
    else:
        assert load(tmp_path) == NEW
        assert not (tmp_path / "other.json").exists()


@needs_fork
def test_a_limit_of_the_size_of_files(tmp_path):
    resource = pytest.importorskip("resource")
    save(tmp_path, OLD)

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
        with pytest.raises(FileError, match="File too large"):
            save(tmp_path, NEW)
        assert load(tmp_path) == OLD

    assert in_child(limited) == 0
    assert load(tmp_path) == OLD


def test_what_the_description_refuses_leaves_the_old_copy(tmp_path):
    save(tmp_path, OLD)

    def refuse(digests):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write_folder(tmp_path, NEW.items(), "d.json", refuse)
    assert load(tmp_path) == OLD
    assert names(tmp_path) == ["a.npz", "below/b.json", "d.json"]


def test_writers_and_readers_side_by_side(tmp_path):
    save(tmp_path, OLD)
    problems, done = [], threading.Event()

    def work(parts):
        for _ in range(15):
            save(tmp_path, parts)

    def read():
        while not done.is_set():
            try:
                if load(tmp_path) not in (OLD, NEW):
                    problems.append("a mixture")
            except FileError as error:
                problems.append(str(error))

    writers = [threading.Thread(target=work, args=(parts,)) for parts in (OLD, NEW)]
    reader = threading.Thread(target=read)
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert problems == []
    assert load(tmp_path) in (OLD, NEW)
    assert names(tmp_path) == ["a.npz", "below/b.json", "d.json"]


def test_a_writer_that_never_ends_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("skdyn.files.turns._PATIENCE", 0.02)
    with alone_in(tmp_path) as alone:
        if not alone:
            pytest.skip("the file system has no locks")
        with pytest.raises(FileError, match="another process has been saving there"):
            save(tmp_path, OLD)
    save(tmp_path, OLD)


def test_a_part_that_waits_is_found(tmp_path):
    save(tmp_path, OLD)
    path = tmp_path / "a.npz"
    digest = unseal((tmp_path / "d.json").read_bytes(), path, 1)[1]["a.npz"]
    path.rename(staged(path, digest))
    assert load(tmp_path) == OLD
    path.write_bytes(b"of an earlier copy")
    assert load(tmp_path) == OLD


def test_a_file_in_the_way_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"file cannot be saved: File exists"):
        save(tmp_path / "file", OLD)
    with pytest.raises(FileError, match="cannot be saved: Not a directory"):
        save(tmp_path / "file" / "below", OLD)


def test_a_single_file(tmp_path, monkeypatch):
    path = tmp_path / "new" / "run.json"
    write_file(path, b"one")
    write_file(path, b"two")
    fail_at(monkeypatch, "replace", 1, OSError(errno.EIO, "Input/output error"))
    with pytest.raises(FileError, match=r"run.json cannot be saved: Input/output error; .* is as it was"):
        write_file(path, b"three")
    assert path.read_bytes() == b"two"
    assert names(tmp_path) == ["new/run.json"]

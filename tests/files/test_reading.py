import os

import pytest

from skdyn.exceptions import FileError, WeightsError
from skdyn.files.folder import Part, read_folder
from skdyn.files.manifest import seal, unseal
from skdyn.files.reading import parse_json, read_bytes, sha256
from tests.files.test_writing import OLD, load, save


def test_json_that_is_valid(tmp_path):
    assert parse_json(b'{"a": [1, 2.5, {"b": null}]}', tmp_path) == {"a": [1, 2.5, {"b": None}]}
    assert parse_json(b'{"a": Infinity}', tmp_path, constants=True) == {"a": float("inf")}


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe{}", b"[]", b"null", b'{"a": 1, "a": 2}', b'{"a": NaN}', b"[" * 100_000, b"9" * 9999]
)
def test_json_that_is_refused(tmp_path, content):
    for error in (FileError, WeightsError):
        with pytest.raises(error, match=r"d\.json"):
            parse_json(content, tmp_path / "d.json", error)


def test_only_regular_files_are_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    assert read_bytes(path, 7) == b"content"
    with pytest.raises(FileError, match="has 7 bytes, more than the limit of 6"):
        read_bytes(path, 6)
    with pytest.raises(FileError, match=r"absent cannot be read: .*No such file"):
        read_bytes(tmp_path / "absent", 9)
    with pytest.raises(WeightsError, match="is not a regular file"):
        read_bytes(tmp_path, 9, WeightsError)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(FileError, match="Git LFS pointer"):
        read_bytes(path, 100)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes in folders")
def test_links_pipes_and_devices(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(tmp_path / "file")
    os.mkfifo(pipe)
    with pytest.raises(FileError, match="link is a link, which is not followed"):
        read_bytes(link, 100)
    assert read_bytes(link, 100, follow=True) == b"content"
    with pytest.raises(FileError, match="pipe is not a regular file"):
        read_bytes(pipe, 100)
    link.unlink()
    link.symlink_to("/dev/zero")
    with pytest.raises(FileError, match="is not a regular file"):
        read_bytes(link, 100, follow=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (seal({}, {}, 2), "is in format 2, not in format 1"),
        (b"{}", "is in format None, not in format 1"),
        (b'{"format": true}', "is in format True"),
        (seal({"a": 1}, {}, 1).replace(b'"a": 1', b'"a": 2'), "its sha256 is not the one that it names"),
        (seal({}, {"b": "../" + "0" * 61}, 1), "does not list the sha256"),
        (seal({}, {"b": None}, 1), "does not list the sha256"),
    ],
)
def test_descriptions_that_are_refused(tmp_path, content, message):
    with pytest.raises(FileError, match=message):
        unseal(content, tmp_path / "d.json", 1)


def test_a_description_comes_back(tmp_path):
    values = {"a": [1.5, None, 1e-300, 2**70], "b": {"\udc80": "ä"}}
    assert unseal(seal(values, {"x": "0" * 64}, 3), tmp_path, 3) == (values, {"x": "0" * 64})
    assert unseal(seal({"a": {10: (1,), 9: ()}}, {}, 3), tmp_path, 3) == ({"a": {"10": [1], "9": []}}, {})


def test_damage_names_the_file(tmp_path):
    save(tmp_path, OLD)
    (tmp_path / "a.npz").write_bytes(b"something else")
    with pytest.raises(FileError, match=r"a\.npz is damaged or altered: its sha256 is not the one in d\.json"):
        load(tmp_path)
    (tmp_path / "a.npz").unlink()
    with pytest.raises(FileError, match=r"a\.npz cannot be read: .*No such file"):
        load(tmp_path)
    (tmp_path / "d.json").unlink()
    with pytest.raises(FileError, match=r"d\.json cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize("digest", ["", "../../x", "0" * 63, sha256(b"other")])
def test_a_digest_that_is_none_leads_nowhere(tmp_path, digest):
    (tmp_path / "d").write_bytes(b"")
    (tmp_path / "part").write_bytes(b"content")
    with pytest.raises(WeightsError, match="part is damaged or altered"):
        read_folder(tmp_path, "d", lambda _: {"part": Part(digest, 100)}, WeightsError)

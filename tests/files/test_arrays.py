import io
import struct
import zipfile

import numpy as np
import pytest

from skdyn.exceptions import FileError
from skdyn.files.arrays import pack_arrays, unpack_arrays

ARRAYS = {
    "b": np.arange(6.0).reshape(2, 3),
    "a": np.asfortranarray(np.arange(6.0, dtype=np.float32).reshape(2, 3)),
    "scalar": np.array(2.5),
    "whole": np.array([2**60, -1], dtype=np.int64),
    "empty": np.zeros((0, 4)),
}


def test_arrays_come_back_in_order(tmp_path):
    read = unpack_arrays(pack_arrays(ARRAYS), tmp_path)
    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype
        assert read[name].flags.writeable


def archive(members, compression=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as file:
        for name, member in members:
            file.writestr(name, member)
    return content.getvalue()


def header(shape, kind="'<f8'", version=b"\x01\x00", data=64):
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * ((64 - (len(text) + 11) % 64) % 64) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + bytes(data)


def npy(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


ONE = npy(np.zeros(2))
HOSTILE = {
    "nothing": b"",
    "noise": bytes(range(256)) * 4,
    "a bomb": archive([("a.npy", header("(131072,)", data=2**20))], zipfile.ZIP_DEFLATED),
    "names twice": None,
    "many": archive([(f"{i}.npy", b"") for i in range(1001)]),
    "too large": archive([("a.npy", header("(10000000000000,)"))]),
    "beyond integers": archive([("a.npy", header("(340282366920938463463374607431768211456,)"))]),
    "negative": archive([("a.npy", header("(-2, -4)"))]),
    "objects": archive([("a.npy", header("(1,)", "'|O'", data=8))]),
    "fields": archive([("a.npy", header("(1,)", "[('x', '<f8')]", data=8))]),
    "text": archive([("a.npy", header("(1,)", "'<U2'", data=8))]),
    "other bytes": archive([("a.npy", header("(8,)", "'>f8'"))]),
    "brackets": archive([("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000)]),
    "code": archive([("a.npy", header("(print(1),)"))]),
    "another version": archive([("a.npy", header("(8,)", version=b"\x02\x00"))]),
    "no array": archive([("a.txt", ONE)]),
    "cut": pack_arrays(ARRAYS)[:-30],
    "flipped": pack_arrays(ARRAYS).replace(struct.pack("<d", 4.0), struct.pack("<d", 5.0), 1),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives(case, tmp_path):
    content = HOSTILE[case]
    if content is None:
        with pytest.warns(UserWarning, match="Duplicate name"):
            content = archive([("a.npy", ONE), ("a.npy", ONE)])
    with pytest.raises(FileError, match=r"context\.npz is damaged"):
        unpack_arrays(content, tmp_path / "context.npz")

"""Ways to damage a saved folder, each a function of the folder and a random generator; everything is seeded."""

import io
import json
import os
import shutil
import struct
import zipfile

import numpy as np

VALUES = [
    None, True, False, -1, 0, 1, 7, 2**63, 10**30, 0.5, -1e308, "", "x", "../../etc/passwd", "x" * 5000, "\0", "\udc80",
    [], {}, [[]], [1, "a"], ["a", "a"], {"a": {"b": []}}, "hf://", "cuda", [0] * 2000,
]  # fmt: skip
NUMBERS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324]


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def pick(folder, rng, *suffixes):
    found = [path for path in files_of(folder) if not suffixes or path.suffix in suffixes]
    return found[rng.integers(len(found))] if found else None


def bits(folder, rng):
    path = pick(folder, rng)
    content = bytearray(path.read_bytes())
    # Half of the damage hits the start, where headers are.
    span = min(len(content), 400) if rng.random() < 0.5 else len(content)
    for place in rng.integers(span, size=rng.integers(1, 9)):
        content[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)


def cut(folder, rng):
    path = pick(folder, rng)
    content = path.read_bytes()
    path.write_bytes(content[: rng.integers(len(content))])


def longer(folder, rng):
    path = pick(folder, rng)
    content, place = path.read_bytes(), rng.integers(path.stat().st_size)
    path.write_bytes(content[:place] + rng.bytes(rng.integers(1, 40)) + content[place:])


def zeros(folder, rng):
    path = pick(folder, rng)
    content = bytearray(path.read_bytes())
    place = rng.integers(len(content))
    content[place : place + 64] = bytes(len(content[place : place + 64]))
    path.write_bytes(content)


def absent(folder, rng):
    pick(folder, rng).unlink()


def empty(folder, rng):
    pick(folder, rng).write_bytes(b"")


def exchanged(folder, rng):
    one, other = pick(folder, rng), pick(folder, rng)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def of_another(folder, rng):
    """A part of another saved folder of the same kind."""
    path = pick(folder, rng)
    other = folder.parent / f"{folder.name}-other" / path.relative_to(folder)
    if other.exists():
        shutil.copy(other, path)
    else:
        path.unlink()


def link(folder, rng):
    path = pick(folder, rng)
    away = folder.parent / "away"
    path.rename(away)
    path.symlink_to(away if rng.random() < 0.5 else rng.choice(["/dev/zero", "/dev/stdin", str(path), "/etc/passwd"]))


def pipe(folder, rng):
    path = pick(folder, rng)
    path.unlink()
    os.mkfifo(path)


def a_folder(folder, rng):
    path = pick(folder, rng)
    path.unlink()
    path.mkdir()


def huge(folder, rng):
    with pick(folder, rng).open("r+b") as file:
        file.truncate(int(rng.choice([2**33, 2**40])))


def deep(folder, rng):
    pick(folder, rng, ".json").write_text(rng.choice(["[", '{"a":']) * int(rng.choice([2000, 10**5])))


def text(folder, rng):
    """Repeated keys, NaN and numbers too long to read."""
    path = pick(folder, rng, ".json")
    if path:
        content = path.read_text().rstrip()[:-1]
        path.write_text(
            content + rng.choice([', "format": 2}', ', "x": NaN}', f', "x": {"9" * 5000}}}', ', "x": 1e999}'])
        )


def places(value, path=()):
    """Paths to every value inside of a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def field(folder, rng):
    """Any field of a JSON file removed, renamed, or given another value."""
    path = pick(folder, rng, ".json")
    content = json.loads(path.read_text())
    chosen = [place for place in places(content) if place]
    place = chosen[rng.integers(len(chosen))]
    parent = content
    for key in place[:-1]:
        parent = parent[key]
    kind = rng.integers(4)
    if kind == 0 and isinstance(parent, dict):
        del parent[place[-1]]
    elif kind == 1 and isinstance(parent, dict):
        parent[f"{place[-1]}_"] = parent.pop(place[-1])
    else:
        parent[place[-1]] = VALUES[rng.integers(len(VALUES))]
    path.write_text(json.dumps(content))


def future(folder, rng):
    path = pick(folder, rng, ".json")
    content = json.loads(path.read_text())
    key = "format_version" if "format_version" in content else "format"
    content[key] = [3, 99, "2", 2.0, True, -1][rng.integers(6)]
    path.write_text(json.dumps(content))


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path, contents, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def npy(array):
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()


def header(shape, data, kind="<f8"):
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * ((64 - (len(text) + 11) % 64) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(data)


def numbers(folder, rng):
    """An array with other numbers, another shape, another type, or none."""
    path = pick(folder, rng, ".npz")
    if path is None:
        return tensors(folder, rng)
    contents = members(path)
    name = sorted(contents)[rng.integers(len(contents))]
    array = np.load(io.BytesIO(contents[name]))
    change = rng.integers(8)
    if change == 0 and array.size:
        array = array.astype(float) if rng.random() < 0.5 else array
        with np.errstate(all="ignore"):
            array.reshape(-1)[rng.integers(array.size)] = np.array(NUMBERS[rng.integers(len(NUMBERS))]).astype(
                array.dtype
            )
    elif change == 1:
        array = array.reshape(-1)[: array.size // 2]
    elif change == 2:
        array = array[None]
    elif change == 3:
        array = array.astype(["<f4", "<i8", "<U3", "?", ">f8", "<c16"][rng.integers(6)])
    elif change == 4:
        array = -array
    elif change == 5:
        array = np.concatenate([array.reshape(-1), array.reshape(-1)])
    elif change == 6:
        array = array.T[::-1] if array.ndim else np.zeros((0,))
    else:
        array = np.zeros([(0,), (), (0, 0), (1, 1), (100000, 1), (1, 100000)][rng.integers(6)])
    contents[name] = npy(array)
    if rng.random() < 0.1:
        del contents[name]
    rewritten(path, contents)
    return None


def tensors(folder, rng):
    """Another header of a safetensors file."""
    path = pick(folder, rng, ".safetensors")
    if path is None:
        return bits(folder, rng)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    entries = json.loads(content[8 : 8 + length])
    name = sorted(entries)[rng.integers(len(entries))]
    change = rng.integers(6)
    if change == 0:
        entries[name] = VALUES[rng.integers(len(VALUES))]
    elif change == 1 and "shape" in entries[name]:
        entries[name]["shape"] = [[], [2**62, 2**62], [-1], [10**9], "x", [1.5]][rng.integers(6)]
    elif change == 2 and "dtype" in entries[name]:
        entries[name]["dtype"] = ["I64", "F4", "", None, "F64", "BOOL"][rng.integers(6)]
    elif change == 3 and "data_offsets" in entries[name]:
        entries[name]["data_offsets"] = [[0, 0], [0, 2**63], [-8, 0], None, [8], ["0", "8"]][rng.integers(6)]
    elif change == 4:
        del entries[name]
    else:
        entries["more"] = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    text = json.dumps(entries).encode()
    size = len(text) if rng.random() < 0.8 else int(rng.choice([0, 2**40, 2**63 - 1]))
    path.write_bytes(size.to_bytes(8, "little") + text + content[8 + length :])
    return None


def bomb(folder, rng):
    """A small archive of much, or of what claims to be much."""
    path = pick(folder, rng, ".npz")
    if path is None:
        return tensors(folder, rng)
    contents = members(path)
    name = sorted(contents)[rng.integers(len(contents))]
    kind = rng.integers(5)
    if kind == 0:
        contents[name] = header("(33554432,)", 2**28)
        rewritten(path, contents, zipfile.ZIP_DEFLATED)
    elif kind == 1:
        contents[name] = header(
            ["(10000000000000,)", "(340282366920938463463374607431768211456,)", "(-1,)"][rng.integers(3)], 64
        )
        rewritten(path, contents)
    elif kind == 2:
        contents[name] = b"\x93NUMPY\x01\x00" + struct.pack("<H", 60000) + b"(" * 60000
        rewritten(path, contents)
    elif kind == 3:
        rewritten(path, contents | {f"{i}.npy": npy(np.zeros(1)) for i in range(2000)})
    else:  # a member whose header claims a size beyond the file
        rewritten(path, contents)
        content = bytearray(path.read_bytes())
        place = content.index(b"PK\x01\x02")
        content[place + 20 : place + 28] = struct.pack("<II", 2**31, 2**31)
        path.write_bytes(content)
    return None


RAW = (bits, cut, longer, zeros, absent, empty, exchanged, of_another, link, pipe, a_folder, huge, deep, text)
INSIDE = (field, field, field, future, numbers, numbers, tensors, bomb)
"""Damage after which a folder may vouch for itself anew."""

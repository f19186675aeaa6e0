"""How a CSV file is written: encoding, separator and decimal mark, found out where the user does not say."""

from __future__ import annotations

import codecs
import csv
import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from skdyn.exceptions import TrajectoryError

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity)", re.IGNORECASE)
"""A number with a decimal point; no underscores, no words."""

_SEPARATORS = (",", ";", "\t", "|")
_ENCODINGS = ("utf-8-sig", "cp1252")
_GZIP, _UTF16 = b"\x1f\x8b", (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SAMPLE = 50  # lines that tell the dialect


@dataclass(frozen=True)
class Dialect:
    """How a file is written.

    Attributes
    ----------
    separator : str
        Between cells.
    decimal : str
        ``"."`` or ``","``.
    encoding : str
    date_format : str, optional
        Of the times, for `datetime.strptime`; ISO dates and numbers are read without.
    """

    separator: str
    decimal: str
    encoding: str
    date_format: str | None = None

    def __str__(self) -> str:
        name = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}.get(self.separator, repr(self.separator))
        encoding = self.encoding.removesuffix("-sig")
        return f"{name} between cells, decimal {'comma' if self.decimal == ',' else 'point'}, {encoding}"

    def plain(self, cell: str) -> str:
        """A cell as Python writes numbers."""
        text = cell.strip()
        return text.replace(",", ".", 1) if self.decimal == "," else text


Lines = list[tuple[int, list[str]]]
"""Cells of the lines that are not empty, each with its number in the file."""


def read_cells(
    path: Path,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    date_format: str | None = None,
) -> tuple[Lines, Dialect]:
    """Cut a file, which may be compressed by gzip, into cells.

    Parameters
    ----------
    path : path
    separator, decimal, encoding, date_format : str, optional
        As the user says.

    Returns
    -------
    lines : Lines
        At least a header and one more.
    dialect : Dialect

    Raises
    ------
    TrajectoryError
        If the file is no table, naming it.
    """
    text, encoding = _decoded(path, encoding)
    separator = separator or _separator_of(text)
    lines: Lines = []
    try:
        reader = csv.reader(text.splitlines(), delimiter=separator)
        lines.extend((reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells))
    except (csv.Error, TypeError) as error:
        raise TrajectoryError(f"{path} is not a CSV file: {error}") from None
    if len(lines) < 2:
        raise TrajectoryError(f"{path} holds {len(lines)} lines: a header and at least two rows are needed")
    return lines, Dialect(separator, decimal or _decimal_of(lines[1:], separator), encoding, date_format)


def _decoded(path: Path, encoding: str | None) -> tuple[str, str]:
    content, reason = _content(path), ""
    found = ("utf-16",) if content.startswith(_UTF16) else _ENCODINGS
    for name in (encoding,) if encoding else found:
        try:
            return content.decode(name), name
        except (UnicodeDecodeError, LookupError) as error:
            reason = str(error)
    raise TrajectoryError(f"{path} is not a CSV file: {reason}; its encoding can be said with --encoding")


def _content(path: Path) -> bytes:
    """What a file holds, decompressed."""
    content = path.read_bytes()
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise TrajectoryError(f"{path} is a gzip file that cannot be decompressed ({error}): write it anew") from None


def _separator_of(text: str) -> str:
    """The mark that cuts the first lines into the same number of cells, more than one."""
    lines = [line for line in text.splitlines() if line.strip()][:_SAMPLE]
    widths = {mark: {len(row) for row in csv.reader(lines, delimiter=mark)} for mark in _SEPARATORS}
    even = {mark: min(found) for mark, found in widths.items() if len(found) == 1 and min(found) > 1}
    if even:
        return max(even, key=lambda mark: even[mark])
    return next((mark for mark in _SEPARATORS if lines and mark in lines[0]), ",")


def _decimal_of(lines: Lines, separator: str) -> str:
    """A comma where it stands inside numbers and points do not."""
    if separator == ",":
        return "."
    cells = [cell.strip() for _, row in lines[:_SAMPLE] for cell in row]
    commas = sum("," in cell and bool(NUMBER.fullmatch(cell.replace(",", ".", 1))) for cell in cells)
    points = sum("." in cell and bool(NUMBER.fullmatch(cell)) for cell in cells)
    return "," if commas > points else "."
